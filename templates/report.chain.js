/* The chain that protects a resource: as a picture, and in words with every line of evidence. */
const MARKS = { holds: "\u2713", broken: "\u2717", unknown: "?", stated: "" };
const VERDICTS = { holds: "Holds", broken: "Broken", unknown: "Unknown" };
const KINDS = { resource: "Resource", parent: "Through", plan: "Backup plan", selection: "Backup selection", rule: "Backup rule", vault: "Backup vault", copy: "Copy", recovery_point: "Recovery point", link: "Link", key: "Key", group: "", more: "" };

function chain(record) {
  if (!record || !record.chain) return "";
  const { tree, picture, spoken } = record.chain;
  const words = make("details.in-words", {}, make("summary", {}, "As text, with the evidence of each link"), make("div.chain", {}, make("ul", {}, link(tree))));
  return make("section", {}, make("h3", {}, "Protection chain"),
    make("div.picture", { tabindex: "0", role: "region", "aria-label": "Protection chain as a picture" }, pictureOf(picture, spoken)), words);
}
function pictureOf(picture, spoken) {
  const svg = drawn("svg", { viewBox: `0 0 ${picture.width} ${picture.height}`, width: picture.width, height: picture.height, role: "img", "aria-label": visible(spoken) },
    drawn("defs", {}, Object.keys(MARKS).map((style) => drawn("marker", { id: `to-${style}`, viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" }, drawn("path", { class: `tip ${style}`, d: "M0 0 8 4 0 8z" })))));
  for (const [path, style] of picture.arrows) svg.append(drawn("path", { class: `arrow ${style}`, d: path, "marker-end": `url(#to-${style})` }));
  const first = Math.min(...picture.boxes.map((box) => box[0])); /* the column of the resource itself */
  for (const [left, top, height, verdict, kind, title, aloud, lines] of picture.boxes) {
    const group = drawn("g", { ...(left === first ? { class: "own" } : {}), transform: `translate(${left} ${top})` }, drawn("title", {}, aloud), drawn("rect", { class: `box ${verdict}`, width: picture.box, height, rx: 9 }),
      drawn("text", { class: "kind", x: 14, y: 24 }, kind.charAt(0).toUpperCase() + kind.slice(1)),
      VERDICTS[verdict] ? drawn("text", { class: `verdict ${verdict}`, x: picture.box - 14, y: 24 }, `${MARKS[verdict]} ${VERDICTS[verdict]}`) : "",
      drawn("text", { class: "name", x: 14, y: 47 }, title));
    for (const [text, style, y, mark, indent] of lines) {
      if (mark) group.append(drawn("text", { class: `point ${style}`, x: 14, y: 54 + y }, mark));
      group.append(drawn("text", { class: ["because", "fact", "evidence"].includes(style) ? style : "said", x: 14 + indent, y: 54 + y }, text));
    }
    svg.append(group);
  }
  return svg;
}
function link(node) {
  const word = VERDICTS[node.verdict] || "";
  const mark = { holds: "pass", broken: "fail", unknown: "unknown" }[node.verdict];
  const lines = node.evidence || [];
  const evidence = lines.length ? make("p.evidence", {}, make("code", {}, lines.slice(0, 4).join(", ")), lines.length > 4 ? ` and ${number(lines.length - 4)} more` : "") : "";
  const title = node.subject && node.kind !== "resource" ? make("b", {}, make("a", { href: fragment({ ...EMPTY, open: node.subject }) }, bdi(node.label))) : bdi(node.label, "b");
  const inside = make("div.link", {}, make("span.kind", {}, KINDS[node.kind] || "", word ? make(`span.status.${mark}`, {}, icon(mark), word) : ""),
    title, (node.facts || []).length ? make("p", {}, bdi(node.facts.join(" \u00b7 "))) : "", node.because ? make("p.why", {}, bdi(node.because)) : "", evidence);
  const children = (node.children || []).map(link);
  return make(`li.${node.verdict || "stated"}`, {}, inside, children.length ? make("ul", {}, children) : "");
}
