/* What every part of the script uses: building elements, names of things, and the data of this file. Every
   value becomes a text node, never markup. Without this script the page still shows the summary and the worst findings. */
const head = JSON.parse(document.getElementById("data").textContent);
const $ = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const number = (count) => count.toLocaleString("en-US");
const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const visible = (text) => String(text).replace(INVISIBLE,
  (mark) => `\u2039U+${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}\u203a`);

/* make("a.subject", {href: "#"}, "text", child) */
function make(kind, attributes, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, content] of Object.entries(attributes || {})) element.setAttribute(name, content);
  element.append(...nodes(children));
  return element;
}
function nodes(children) {
  return children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== "").map((each) => (each instanceof Node ? each : visible(each)));
}
function drawn(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, content] of Object.entries(attributes)) element.setAttribute(name, content);
  element.append(...nodes(children));
  return element;
}
const icon = (name) => drawn("svg", { class: `icon ${name}`, "aria-hidden": "true" }, drawn("use", { href: `#i-${name}` }));
const bdi = (text, kind = "bdi") => make(kind, {}, text);
const statusKey = (rank) => head.statuses[rank][0];
const status = (rank) => make(`span.status.${statusKey(rank)}`, {}, icon(statusKey(rank)), head.statuses[rank][1]);
const severity = (rank) => make(`span.severity.${head.severities[rank][0]}`, {}, head.severities[rank][1]);
const controlTitle = (id) => (head.controls[id] || [id])[0];
const failureTitle = (id) => (head.controls[id] || [id, [], id])[2];
const findingTitle = (id, key) => (["fail", "waived"].includes(key) ? failureTitle(id) : controlTitle(id));
const accountName = (id) => head.accounts[id] || id;
const typeName = (key) => head.types[key] || key;
const ownerName = (owner) => (owner === null ? "unknown" : owner || "no owner");

/* As words.short_name, words.title and words.subtitle do */
function short(subject) {
  if (subject.startsWith("aws:")) return subject.slice(subject.lastIndexOf(":") + 1);
  const arrow = subject.indexOf("->");
  if (arrow >= 0) return `${short(subject.slice(0, arrow))} \u2192 ${short(subject.slice(arrow + 2))}`;
  const hash = subject.indexOf("#");
  const arn = hash < 0 ? subject : subject.slice(0, hash);
  const parts = arn.split(":");
  const name = parts[0] === "arn" && parts.length >= 6 ? parts.slice(5).join(":").replace(/^backup-(plan|vault):/, "") : arn;
  return name + (hash < 0 ? "" : subject.slice(hash));
}
const called = (subject, name) => (subject.includes("->") ? name.replaceAll("->", "\u2192") : name) || short(subject);
function subtitle(subject, name) {
  const [whole, title] = [short(subject), called(subject, name)];
  return whole === title || whole.endsWith(`/${title}`) || whole.endsWith(`:${title}`) ? "" : whole;
}

/* Data blocks are base64 of gzip of JSON. Nothing is fetched: they are in this file. */
async function inflate(id) {
  const text = document.getElementById(id).textContent;
  const bytes = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}
function climb(steps, Kind = Uint32Array) {
  const found = new Kind(steps.length);
  let at = 0;
  for (let place = 0; place < steps.length; place += 1) { at += steps[place]; found[place] = at; }
  return found;
}

/* The findings: columns by row, and by subject. */
async function load() {
  const [rows, reasons] = await Promise.all([inflate("rows"), inflate("reasons")]);
  const subjects = rows.subjects;
  const data = {
    rows: rows.rank.length, subjects: subjects.arn.length, controls: rows.controls, reasons,
    control: climb(rows.control), subject: climb(rows.subject), reason: climb(rows.reason), rank: Uint8Array.from(rows.rank),
    arn: subjects.arn, name: subjects.name, owner: subjects.owner, owners: subjects.owners,
    types: subjects.types, accounts: subjects.accounts, regions: subjects.regions,
    type: climb(subjects.type), account: climb(subjects.account), region: climb(subjects.region),
  };
  data.severities = head.severities.length;
  data.worst = byRank(data.rank, head.statuses.length * data.severities);
  data.ofSubject = grouped(data.subject, data.subjects);
  return data;
}
/* Rows with the worst first; those of one rank stay in the order of filing. */
function byRank(ranks, kinds) {
  const starts = new Uint32Array(kinds + 1);
  for (const rank of ranks) starts[rank + 1] += 1;
  for (let rank = 0; rank < kinds; rank += 1) starts[rank + 1] += starts[rank];
  const order = new Uint32Array(ranks.length);
  for (let row = 0; row < ranks.length; row += 1) { order[starts[ranks[row]]] = row; starts[ranks[row]] += 1; }
  return order;
}
/* The rows of each subject: grouped(...)(subject) */
function grouped(subject, subjects) {
  const starts = new Uint32Array(subjects + 1);
  for (const each of subject) starts[each + 1] += 1;
  for (let each = 0; each < subjects; each += 1) starts[each + 1] += starts[each];
  const next = starts.slice();
  const order = new Uint32Array(subject.length);
  for (let row = 0; row < subject.length; row += 1) { order[next[subject[row]]] = row; next[subject[row]] += 1; }
  return (each) => order.subarray(starts[each], starts[each + 1]);
}

/* Copying and small news */
function toast(text) {
  const box = $(".toast");
  box.textContent = text;
  box.classList.add("shown");
  setTimeout(() => box.classList.remove("shown"), 2400);
}
async function copy(text) {
  try { await navigator.clipboard.writeText(text); toast("Copied"); } catch { toast("The browser does not allow copying here: select the text and copy it manually."); }
}
function copyButton(text, label = "Copy") {
  const button = make("button.copy-button", { type: "button" }, icon("copy"), make("span", {}, label));
  button.addEventListener("click", () => copy(text()));
  return button;
}
