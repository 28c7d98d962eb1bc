"use strict";
/* Search, filter, sort, deep links and one finding at a time. Everything it says is in the JSON of this
   file; every value becomes a text node, never markup. Without it the report still says what matters. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 100;
  const FIELDS = ["severity", "control", "account", "region", "type"];
  const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const number = (count) => count.toLocaleString("en-US");
  const visible = (text) => String(text).replace(INVISIBLE,
    (mark) => `\u2039U+${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}\u203a`);

  /* Building: make("a.subject", {href: "#"}, "text", child) */
  function make(kind, attributes, ...children) {
    const [tag, ...classes] = kind.split(".");
    const element = document.createElement(tag);
    if (classes.length) element.className = classes.join(" ");
    for (const [name, content] of Object.entries(attributes || {})) element.setAttribute(name, content);
    for (const child of children.flat()) if (child !== null && child !== undefined && child !== "") element.append(child instanceof Node ? child : visible(child));
    return element;
  }
  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", `icon ${name}`);
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `#i-${name}`);
    svg.append(use);
    return svg;
  }
  const status = (rank) => make(`span.status.${data.statuses[rank][0]}`, {}, icon(data.statuses[rank][0]), data.statuses[rank][1]);
  const severity = (rank) => make(`span.severity.${data.severities[rank][0]}`, {}, data.severities[rank][1]);
  const bdi = (text, kind = "bdi") => make(kind, {}, text);

  /* As words.short_name does */
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

  /* As words.title and words.beside do */
  const title = (each) => (each.subject.includes("->") ? each.name.replaceAll("->", "\u2192") : each.name) || short(each.subject);
  function beside(each) {
    const [whole, called] = [short(each.subject), title(each)];
    return whole === called || whole.endsWith(`/${called}`) || whole.endsWith(`:${called}`) ? "" : whole;
  }
  const besideOf = (each) => (beside(each) ? bdi(beside(each), "bdi.short") : "");

  const texts = data.texts;
  const findings = data.rows.map((row, order) => ({
    order, control: texts[row[0]], status: row[1], severity: row[2], subject: texts[row[3]], subjectText: row[3],
    type: texts[row[4]], account: texts[row[5]], region: texts[row[6]], reason: texts[row[7]], print: row[8], more: row[9], name: texts[row[10]],
  }));
  const bySubject = new Map();
  for (const each of findings) {
    each.hay = [title(each), each.subject, each.reason, each.control, data.controls[each.control] || "", each.account, data.accounts[each.account] || "", each.type, each.region].join("\n").toLowerCase();
    if (!bySubject.has(each.subjectText)) bySubject.set(each.subjectText, []);
    bySubject.get(each.subjectText).push(each);
  }
  const accountName = (id) => data.accounts[id] || id;

  /* The state of the view lives in the fragment: #/?status=fail&q=orders&open=0123456789abcdef */
  let state = read();
  let shown = PAGE;
  function read() {
    const given = new URLSearchParams(location.hash.startsWith("#/") ? location.hash.replace(/^#\/\??/, "") : "");
    const made = { status: (given.get("status") || "").split(",").filter(Boolean), q: given.get("q") || "", sort: given.get("sort") || "", open: given.get("open") || "" };
    for (const field of FIELDS) made[field] = given.get(field) || "";
    return made;
  }
  function fragment(from) {
    const kept = new URLSearchParams();
    if (from.status.length) kept.set("status", from.status.join(","));
    for (const field of [...FIELDS, "q", "sort", "open"]) if (from[field]) kept.set(field, from[field]);
    return `#/?${kept}`;
  }
  const nothingSet = (from) => fragment(from) === "#/?";
  function change(changes, remember = false) {
    state = { ...state, ...changes };
    const target = nothingSet(state) ? "#findings" : fragment(state);
    if (location.hash !== target) history[remember ? "pushState" : "replaceState"](null, "", target);
    if (!("open" in changes)) shown = PAGE;
    draw();
  }

  /* Choosing and ordering */
  const keys = {
    status: (each) => each.status, severity: (each) => each.severity, subject: (each) => title(each),
    control: (each) => each.control, account: (each) => accountName(each.account), region: (each) => each.region, type: (each) => data.types[each.type],
  };
  function chosen() {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const ranks = new Set(state.status.map((name) => data.statuses.findIndex(([key]) => key === name)));
    const kept = findings.filter((each) =>
      (!ranks.size || ranks.has(each.status))
      && (!state.severity || data.severities[each.severity][0] === state.severity)
      && ["control", "account", "region", "type"].every((field) => !state[field] || each[field] === state[field])
      && words.every((word) => each.hay.includes(word)));
    if (!state.sort) return kept;
    const descending = state.sort.startsWith("-");
    const key = keys[state.sort.replace("-", "")] || keys.status;
    const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
    return kept.sort((one, other) => (descending ? -1 : 1) * compare(key(one), key(other)) || one.order - other.order);
  }

  /* Drawing the table */
  const table = $("table.findings");
  const columns = ["status", "severity", "subject", "control", "account", "region", "type"];
  function draw() {
    const kept = chosen();
    const body = make("tbody");
    for (const each of kept.slice(0, shown)) {
      const link = make("a.subject", { href: fragment({ ...state, open: each.print }), title: visible(each.subject) }, bdi(title(each)));
      const row = make("tr", {}, make("td", {}, status(each.status)), make("td", {}, severity(each.severity)),
        make("td.wide", {}, make("div.named", {}, link, besideOf(each)), make("small", {}, bdi(each.reason))), make("td", {}, each.control),
        make("td", {}, bdi(accountName(each.account))), make("td", {}, each.region), make("td", {}, data.types[each.type]));
      row.addEventListener("click", (event) => { if (!event.target.closest("a") && !String(getSelection())) change({ open: each.print }, true); });
      body.append(row);
    }
    if (!kept.length) body.append(make("tr", {}, make("td.nothing", { colspan: "7" }, findings.length ? "Nothing matches. Take a filter away, or search for less." : "There is no finding: nothing was asked.")));
    table.tBodies[0].replaceWith(body);
    const filtered = kept.length !== findings.length;
    $(".tally").replaceChildren(make("b", {}, number(kept.length)), ` of ${number(data.total)} findings`, filtered ? " match" : "",
      kept.length > shown ? `; the first ${number(shown)} are shown` : "", findings.length < data.total ? `; ${number(data.total - findings.length)} are not in this file` : "");
    $(".more").hidden = kept.length <= shown;
    showControls();
    showOne();
  }
  function showControls() {
    for (const chip of all(".chip")) chip.setAttribute("aria-pressed", String(state.status.includes(chip.dataset.status)));
    for (const select of all(".selects select")) { select.value = state[select.name]; select.classList.toggle("set", Boolean(state[select.name])); }
    const input = $(".search-box input");
    if (input.value.trim() !== state.q) input.value = state.q;
    $(".selects button").hidden = nothingSet({ ...state, open: "", sort: "" });
    all("th", table).forEach((cell, index) => {
      const active = state.sort.replace("-", "") === columns[index];
      if (active) cell.setAttribute("aria-sort", state.sort.startsWith("-") ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
  }

  /* Setting the explorer up */
  function options(field) {
    const counted = new Map();
    for (const each of findings) {
      const key = field === "severity" ? data.severities[each.severity][0] : each[field];
      counted.set(key, (counted.get(key) || 0) + 1);
    }
    const order = field === "severity" ? data.severities.map(([key]) => key).filter((key) => counted.has(key)) : [...counted.keys()].sort();
    const label = (key) => (field === "account" && data.accounts[key] ? `${data.accounts[key]} (${key})` : field === "type" ? data.types[key] : key);
    return order.map((key) => make("option", { value: key }, `${label(key)} \u00b7 ${number(counted.get(key))}`));
  }
  function setUp() {
    table.classList.add("live");
    all("th", table).forEach((cell, index) => {
      const button = make("button", { type: "button" }, cell.textContent);
      button.addEventListener("click", () => change({ sort: state.sort === columns[index] ? `-${columns[index]}` : state.sort === `-${columns[index]}` ? "" : columns[index] }));
      cell.replaceChildren(button);
    });
    for (const [key, word] of data.statuses) {
      if (!data.counted[key]) continue;
      const chip = make(`button.chip.${key}`, { type: "button", "data-status": key, "aria-pressed": "false" }, icon(key), word, make("small", {}, number(data.counted[key])));
      chip.addEventListener("click", () => change({ status: state.status.includes(key) ? state.status.filter((name) => name !== key) : [...state.status, key] }));
      $(".chips").append(chip);
    }
    const names = { severity: "severity", control: "control", account: "account", region: "Region", type: "type" };
    for (const field of FIELDS) {
      const select = make("select", { name: field, "aria-label": names[field] }, make("option", { value: "" }, `Any ${names[field]}`), options(field));
      select.addEventListener("change", () => change({ [field]: select.value }));
      $(".selects").append(select);
    }
    const clear = make("button", { type: "button" }, "Clear filters");
    clear.addEventListener("click", () => change({ status: [], q: "", severity: "", control: "", account: "", region: "", type: "" }));
    $(".selects").append(clear);
    $(".filters").addEventListener("submit", (event) => event.preventDefault());
    let waiting = 0;
    $(".search-box input").addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => change({ q: event.target.value.trim() }), 120);
    });
    $(".more button").addEventListener("click", () => { shown += PAGE * 5; draw(); });
    for (const each of [$(".explorer"), $(".tally")]) each.hidden = false;
  }

  /* One finding */
  const drawer = $(".drawer");
  function close() { change({ open: "" }); }
  drawer.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  drawer.addEventListener("click", (event) => { if (event.target === drawer) close(); });
  function showOne() {
    const found = state.open && findings.find((each) => each.print.startsWith(state.open));
    if (!found) {
      if (drawer.open) drawer.close();
      if (state.open && !found) toast("That finding is not in this file; look for it in findings.jsonl.gz.");
      return;
    }
    drawer.replaceChildren(...one(found));
    if (!drawer.open) drawer.showModal();
    drawer.scrollTop = 0;
  }
  function one(each) {
    const closing = make("button.round", { type: "button", "aria-label": "Close" }, icon("close"));
    closing.addEventListener("click", close);
    const [details, evidence, waiver] = each.more || [[], [], null];
    const told = details.map(([name, content]) => [texts[name], data.values[content]]).filter(([name]) => name !== "name");
    const key = data.statuses[each.status][0];
    const inside = make("div.inside", {},
      make("h2", { id: "drawer-title" }, bdi(title(each))),
      make("p.where", {}, `${data.types[each.type]} in `, bdi(accountName(each.account)), data.accounts[each.account] ? ` (${each.account})` : "", `, ${each.region}`),
      make("p.full", {}, make("code", {}, bdi(each.subject)), copyButton(() => each.subject)),
      make(`div.verdict-box.${key}`, {}, make("p", {}, make("b", {}, data.controls[each.control] || each.control), ": ", bdi(each.reason)), waiver === null ? "" : waived(data.values[waiver])),
      chainOf(each), remedy(each), others(each),
      told.length ? [make("h3", {}, "Details"), tree(told)] : "",
      evidence.length ? [make("h3", {}, "Evidence"), make("ul.refs", {}, evidence.map(([file, line]) => make("li", {}, make("code", {}, texts[file]), ` line ${number(line)}`)))] : "",
      each.more ? "" : make("p.cut", {}, "Its details are in findings.jsonl.gz beside this file: this one leaves them out to stay small."));
    return [make("div.bar-top", {}, make("span", {}, status(each.status), severity(each.severity)), closing), inside];
  }
  function waived(waiver) {
    return [make("p", {}, `Waived until ${waiver.expires}: `, bdi(waiver.reason)), make("p", {}, `${waiver.id}, owned by `, bdi(waiver.owner), ", approved by ", bdi(waiver.approver))];
  }
  function others(each) {
    const same = bySubject.get(each.subjectText).filter((other) => other !== each);
    if (!same.length) return "";
    return [make("h3", {}, "What the other controls say of it"),
      make("div.others", {}, same.map((other) => make("a", { href: fragment({ ...state, open: other.print }) }, status(other.status), make("span", {}, data.controls[other.control] || other.control))))];
  }
  function remedy(each) {
    const card = document.getElementById(`control-${each.control}`);
    const source = card && data.statuses[each.status][0] !== "pass" && data.statuses[each.status][0] !== "not_applicable" && $(".remedy", card);
    if (!source) return "";
    const copied = source.cloneNode(true);
    $("h4", copied).replaceWith(make("h3", {}, "How to fix it"));
    for (const button of all(".copy-button", copied)) wireCopy(button);
    return copied;
  }
  function tree(pairs) {
    return make("dl.tree", {}, pairs.map(([name, content]) => make("div", {}, make("dt", {}, String(name).replaceAll("_", " ")), make("dd", {}, leaf(content)))));
  }
  function leaf(content) {
    if (content === null) return make("span.owed.unknown", {}, "not known");
    if (Array.isArray(content)) return content.length ? content.map((member) => make("div", {}, leaf(member))) : "none";
    if (typeof content === "object") return Object.keys(content).length ? tree(Object.entries(content)) : "none";
    if (typeof content === "boolean") return content ? "yes" : "no";
    return bdi(content === 999999 ? "without end" : String(content));
  }

  /* The chain that protects a resource */
  const chainKinds = { resource: "Resource", parent: "Through", selection: "Backup selection", rule: "Backup rule", vault: "Backup vault", copy: "Copy", recovery_point: "Recovery point", key: "Key" };
  function chainOf(each) {
    const place = data.chains[each.subjectText];
    if (place === undefined) return "";
    const root = chainLink({ ...data.values[place], label: title(each) });
    return [make("h3", {}, "The chain that protects it"), make("div.chain", {}, make("ul", {}, root))];
  }
  function chainLink(node) {
    const word = { holds: "Holds", broken: "Broken", unknown: "Unknown" }[node.verdict] || "";
    const facts = (node.facts || []).join(" \u00b7 ");
    return link(word ? node.verdict : "holds", chainKinds[node.kind] || "", word,
      [bdi(node.label, "b"), facts ? make("p", {}, bdi(facts)) : "", node.because ? make("p.why", {}, bdi(node.because)) : ""], (node.children || []).map(chainLink));
  }
  function link(holds, kind, word, content, children = []) {
    const mark = { holds: "pass", broken: "fail", unknown: "unknown" }[holds];
    const head = make("span.kind", {}, kind, word ? make(`span.status.${mark}`, {}, icon(mark), word) : "");
    return make(`li.${holds}`, {}, make("div.link", {}, head, content), children.length ? make("ul", {}, children) : "");
  }

  /* Copying, toasts, themes, the sections in view */
  function toast(text) {
    const box = $(".toast");
    box.textContent = text;
    box.classList.add("shown");
    setTimeout(() => box.classList.remove("shown"), 2400);
  }
  async function copy(text) {
    try { await navigator.clipboard.writeText(text); toast("Copied"); } catch { toast("The browser does not allow copying here: select the text and copy it by hand."); }
  }
  function copyButton(text) {
    const button = make("button.copy-button", { type: "button" }, icon("copy"), "Copy");
    button.addEventListener("click", () => copy(text()));
    return button;
  }
  function wireCopy(button) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button.closest("figure").querySelector("code").textContent));
  }
  function setUpTheme() {
    const button = $(".theme-button");
    const themes = ["system", "light", "dark"];
    const apply = (name) => {
      if (name === "system") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = name;
      $("span", button).textContent = `Theme: ${name}`;
    };
    let current = document.documentElement.dataset.theme || "system";
    try { current = localStorage.getItem("vaultproof-theme") || current; } catch { /* no storage for this file: the choice lasts as long as the page */ }
    apply(themes.includes(current) ? current : "system");
    button.hidden = false;
    button.addEventListener("click", () => {
      current = themes[(themes.indexOf(current) + 1) % themes.length];
      apply(current);
      try { localStorage.setItem("vaultproof-theme", current); } catch { /* as above */ }
    });
  }
  function setUpSections() {
    const links = new Map(all(".side nav a").map((each) => [each.getAttribute("href").slice(1), each]));
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) {
        for (const each of links.values()) each.removeAttribute("aria-current");
        links.get(entry.target.id).setAttribute("aria-current", "true");
      }
    }, { rootMargin: "-10% 0px -80% 0px" });
    for (const id of links.keys()) watch.observe(document.getElementById(id));
  }
  function follow(initial) {
    state = read();
    if (location.hash.startsWith("#control-")) { const card = document.getElementById(decodeURIComponent(location.hash.slice(1))); if (card) { card.open = true; card.scrollIntoView({ behavior: initial ? "instant" : "auto" }); } }
    draw();
    if (location.hash.startsWith("#/") && (initial || !state.open)) $("#findings").scrollIntoView({ behavior: "instant" });
  }
  addEventListener("hashchange", () => { shown = PAGE; follow(false); });
  addEventListener("popstate", () => { state = read(); draw(); });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !drawer.open && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) { event.preventDefault(); $(".search-box input").focus(); }
  });
  let closedForPrint = [];
  addEventListener("beforeprint", () => { closedForPrint = all("details:not([open])"); for (const each of closedForPrint) each.open = true; });
  addEventListener("afterprint", () => { for (const each of closedForPrint) each.open = false; });

  setUp();
  setUpTheme();
  setUpSections();
  for (const button of all(".copy-button[hidden]")) wireCopy(button);
  follow(true);
})();
