/* The state of the view is in the fragment: #/?status=fail&severity=critical,high&account=A&account=B&q=orders&open=ARN&at=CONTROL */
const FILTERS = ["severity", "control", "framework", "account", "unit", "region", "type", "owner"];
const MANY = ["status", ...FILTERS];
const GROUPS = { control: "control", resource: "resource", owner: "owner", unit: "organizational unit" };
const EMPTY = { q: "", sort: "", group: "", open: "", at: "", ...Object.fromEntries(MANY.map((field) => [field, []])) };
const unitName = (key) => (head.unit_names[key] ? `${head.unit_names[key]} (${key})` : key);
const unitsOf = (account) => head.units[account] || [];

/* What each filter may be set to: keys, and names for them, in lower case. */
let understood = {};
function learn(data) {
  const of = (pairs) => new Map(pairs.flatMap(([key, ...names]) => [key, ...names].filter((name) => typeof name === "string").map((name) => [name.toLowerCase(), key])));
  const accounts = [...new Set([...data.accounts, ...Object.keys(head.accounts)])];
  understood = {
    status: of(head.statuses), severity: of(head.severities), type: of(data.types.map((key) => [key, typeName(key)])), region: of(data.regions.map((key) => [key])),
    control: of([...new Set([...data.controls, ...Object.keys(head.controls)])].map((id) => [id])), framework: of(Object.entries(head.frameworks)),
    account: of(accounts.map((id) => [id, head.accounts[id]])), unit: of([...new Set(Object.values(head.units).flat())].map((key) => [key, head.unit_names[key]])),
    owner: of(data.owners.map((key) => [ownerName(key)])),
  };
}
/* The values of a filter: comma lists and repeated keys. A name may have a comma itself. */
function valuesOf(field, texts, strange) {
  const found = new Set();
  const known = understood[field] || new Map();
  for (const text of texts) {
    for (const part of known.has(text.trim().toLowerCase()) ? [text] : text.split(",")) {
      const key = known.get(part.trim().toLowerCase());
      if (key !== undefined) found.add(key);
      else if (part.trim()) strange.push(`${field}=${part.trim()}`);
    }
  }
  return [...found];
}
function read() {
  const link = new URLSearchParams(location.hash.startsWith("#/") ? location.hash.replace(/^#\/\??/, "") : "");
  const [state, strange] = [{ ...EMPTY }, []];
  for (const field of MANY) state[field] = valuesOf(field, link.getAll(field), strange);
  for (const field of ["q", "sort", "open", "at"]) state[field] = link.get(field) || "";
  const group = link.get("group") || "";
  if (group in GROUPS) state.group = group; else if (group) strange.push(`group=${group}`);
  for (const field of new Set(link.keys())) if (!(field in EMPTY)) strange.push(`${field}=${link.get(field)}`);
  return Object.assign(state, { strange });
}
function fragment(from) {
  const link = new URLSearchParams();
  for (const field of MANY) {
    if (from[field].some((value) => value.includes(","))) for (const value of from[field]) link.append(field, value);
    else if (from[field].length) link.set(field, from[field].join(","));
  }
  for (const field of ["q", "sort", "group", "at", "open"]) if (from[field]) link.set(field, from[field]);
  return `#/?${link}`.replaceAll("%2C", ",");
}

/* Which rows match: words are looked for in subjects, reasons and controls, each of which is kept in lower case once. */
function matcher(data) {
  const lower = (texts) => texts.map((text) => text.toLowerCase());
  let subjects, reasons, controls;
  const bySubject = (each) => [called(data.arn[each], data.name[each]), data.arn[each], data.accounts[data.account[each]], accountName(data.accounts[data.account[each]]), typeName(data.types[data.type[each]]), data.regions[data.region[each]], data.owner[each] < 0 ? "" : data.owners[data.owner[each]] || ""].join("\n").toLowerCase();
  const hits = (texts, word) => Uint8Array.from(texts, (text) => (text.includes(word) ? 1 : 0));
  const haystack = () => { subjects ||= data.arn.map((_, each) => bySubject(each)); return subjects; };
  function words(text) {
    if (!text) return [];
    haystack();
    reasons ||= lower(data.reasons);
    controls ||= data.controls.map((id) => `${id}\n${controlTitle(id)}\n${failureTitle(id)}`.toLowerCase());
    return text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => [hits(subjects, word), hits(reasons, word), hits(controls, word)]);
  }
  const wanted = (texts, test) => Uint8Array.from(texts, (text) => (test(text) ? 1 : 0));
  /* The first three ask of subjects, the last of controls. */
  function filters(state) {
    const found = [];
    const ask = (column, allowed) => found.push([column, allowed]);
    if (state.type.length) ask(data.type, wanted(data.types, (key) => state.type.includes(key)));
    if (state.account.length) ask(data.account, wanted(data.accounts, (key) => state.account.includes(key)));
    if (state.unit.length) ask(data.account, wanted(data.accounts, (key) => unitsOf(key).some((unit) => state.unit.includes(unit))));
    if (state.region.length) ask(data.region, wanted(data.regions, (key) => state.region.includes(key)));
    if (state.owner.length) ask(data.owner, wanted(data.owners, (key) => state.owner.includes(ownerName(key))));
    return found;
  }
  function rows(state) {
    const ranks = new Uint8Array(head.statuses.length * data.severities).map((_, rank) => {
      const [one, other] = [Math.floor(rank / data.severities), rank % data.severities];
      return (!state.status.length || state.status.includes(statusKey(one))) && (!state.severity.length || state.severity.includes(head.severities[other][0])) ? 1 : 0;
    });
    const asked = wanted(data.controls, (id) => (!state.control.length || state.control.includes(id)) && (!state.framework.length || ((head.controls[id] || [])[1] || []).some((key) => state.framework.includes(key))));
    const [sought, chosen] = [words(state.q), filters(state)];
    return data.worst.filter((row) => {
      if (!ranks[data.rank[row]] || !asked[data.control[row]]) return false;
      const subject = data.subject[row];
      for (const [column, allowed] of chosen) if (!allowed[column[subject]]) return false;
      for (const [one, two, three] of sought) if (!one[subject] && !two[data.reason[row]] && !three[data.control[row]]) return false;
      return true;
    });
  }
  /* Subjects for the box at the top: by name, then by ARN, then by anything said of them; the worst first. */
  function subjectsLike(text, most) {
    const sought = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!sought.length) return [];
    const found = [];
    haystack().forEach((hay, each) => {
      if (!sought.every((word) => hay.includes(word))) return;
      const name = called(data.arn[each], data.name[each]).toLowerCase();
      const near = name === sought[0] || data.arn[each].toLowerCase() === text.toLowerCase().trim() ? 0 : name.startsWith(sought[0]) ? 1 : name.includes(sought[0]) ? 2 : data.arn[each].toLowerCase().includes(sought[0]) ? 3 : 4;
      const built = head.structures.includes(data.types[data.type[each]]) ? 1 : 0;
      found.push([near, built, Math.min(...data.ofSubject(each).map((row) => data.rank[row])), each]);
    });
    found.sort((one, other) => one[0] - other[0] || one[1] - other[1] || one[2] - other[2] || one[3] - other[3]);
    return Object.assign(found.slice(0, most).map((each) => each[3]), { all: found.length });
  }
  return { rows, subjectsLike };
}

/* Sort orders of the table, computed when a column is first sorted. */
function sorter(data) {
  const title = (each) => called(data.arn[each], data.name[each]).toLowerCase();
  const keys = {
    status: (row) => data.rank[row],
    severity: (row) => data.rank[row] % data.severities,
    subject: places(data.arn.map((_, each) => each), title, (row) => data.subject[row]),
    control: (row) => data.control[row],
    account: places(data.accounts.map((_, each) => each), (each) => accountName(data.accounts[each]), (row) => data.account[data.subject[row]]),
    region: places(data.regions.map((_, each) => each), (each) => data.regions[each], (row) => data.region[data.subject[row]]),
    type: places(data.types.map((_, each) => each), (each) => typeName(data.types[each]), (row) => data.type[data.subject[row]]),
  };
  function places(members, text, of) {
    let rank;
    return (row) => {
      if (!rank) {
        const texts = members.map(text);
        rank = new Uint32Array(members.length);
        [...members].sort((one, other) => (texts[one] < texts[other] ? -1 : texts[one] > texts[other] ? 1 : one - other)).forEach((member, place) => { rank[member] = place; });
      }
      return rank[of(row)];
    };
  }
  return (rows, sort) => {
    const key = keys[sort.replace("-", "")];
    if (!key) return rows;
    const last = sort.startsWith("-") ? -1 : 1;
    const many = rows.length;
    const order = Float64Array.from(rows, (row, place) => last * key(row) * many + place).sort();
    return order.map((each) => rows[((each % many) + many) % many]);
  };
}
