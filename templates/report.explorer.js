/* The table of findings: filters, search, order, pages. */
const PAGE = 100;
const FAILED = head.statuses.findIndex(([key]) => key === "fail");
function explorer(data, matching, view) {
  const table = $("table.findings");
  const columns = ["status", "severity", "subject", "control", "account", "region", "type"];
  const sorted = sorter(data);
  const memory = { key: "", rows: [] };
  let shown = PAGE;

  function chosen(state) {
    const key = fragment({ ...state, group: "", open: "", at: "" });
    if (memory.key !== key) { memory.key = key; memory.rows = sorted(matching.rows(state), state.sort); }
    return memory.rows;
  }
  function row(each) {
    const [subject, rank] = [data.subject[each], data.rank[each]];
    const [arn, name, control] = [data.arn[subject], data.name[subject], data.controls[data.control[each]]];
    const goal = { open: arn, at: control };
    const link = make("a.subject", { href: fragment({ ...view.state, ...goal }), title: visible(arn) }, bdi(called(arn, name)));
    const found = make("tr", {}, make("td", {}, status(Math.floor(rank / data.severities))), make("td", {}, severity(rank % data.severities)),
      make("td.wide", {}, make("div.named", {}, link, subtitle(arn, name) ? bdi(subtitle(arn, name), "bdi.short") : ""), make("small", {}, bdi(data.reasons[data.reason[each]]))),
      make("td", {}, findingTitle(control, statusKey(Math.floor(rank / data.severities))), make("small", {}, make("code", {}, control))),
      make("td", {}, bdi(accountName(data.accounts[data.account[subject]]))), make("td", {}, data.regions[data.region[subject]]), make("td", {}, typeName(data.types[data.type[subject]])));
    found.addEventListener("click", (event) => { if (!event.target.closest("a") && !String(getSelection())) view.change(goal, true); });
    return found;
  }
  function draw() {
    const state = view.state;
    const kept = chosen(state);
    const bundles = state.group ? grouping(kept, state.group) : [];
    const body = make("tbody", {}, state.group ? bundles.slice(0, shown).map((bundle) => groupRow(bundle, state.group)) : [...kept.subarray(0, shown)].map(row));
    if (!kept.length) body.append(make("tr", {}, make("td.nothing", { colspan: "7" }, data.rows ? "No findings match. Remove a filter." : "There are no findings.")));
    table.tBodies[0].replaceWith(body);
    $(".tally").replaceChildren(make("b", {}, number(kept.length)), ` of ${counted(head.total, "finding")}`, kept.length !== data.rows ? " match" : "",
      state.group ? ` in ${counted(bundles.length, "group")}` : kept.length > shown ? `; the first ${number(shown)} are shown` : "", data.rows < head.total ? `; ${number(head.total - data.rows)} are not in this file` : "");
    $(".more").hidden = (state.group ? bundles.length : kept.length) <= shown;
    $(".strange").hidden = !state.strange.length;
    $(".strange span").replaceChildren(...nodes([make("b", {}, "Not understood in the link: "), bdi(state.strange.slice(0, 8).join("; ")), ". What this file does not have is ignored as a filter."]));
    $(".pills").replaceChildren(...FILTERS.flatMap((field) => state[field].map((value) => pill(field, value))));
    for (const chip of all(".chip")) chip.setAttribute("aria-pressed", String(state.status.includes(chip.dataset.status)));
    for (const select of all(".selects select")) { select.value = select.name === "group" ? state.group : state[select.name].length === 1 ? state[select.name][0] : ""; select.classList.toggle("set", state[select.name].length > 0); }
    const input = $(".search-box input");
    if (input.value.trim() !== state.q) input.value = state.q;
    $(".selects button").hidden = fragment({ ...state, open: "", at: "", sort: "" }) === "#/?";
    all("th", table).forEach((cell, index) => {
      const active = state.sort.replace("-", "") === columns[index];
      if (active) cell.setAttribute("aria-sort", state.sort.startsWith("-") ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
  }

  /* Groups: what the rows have in common, those with most failures first. */
  function grouping(rows, kind) {
    const bundles = new Map();
    for (const each of rows) {
      const subject = data.subject[each];
      const keys = kind === "control" ? [data.controls[data.control[each]]] : kind === "resource" ? [subject] : kind === "owner" ? [data.owner[subject] < 0 ? "unknown" : ownerName(data.owners[data.owner[subject]])] : unitsOf(data.accounts[data.account[subject]]).slice(-1);
      for (const key of keys.length ? keys : [""]) {
        if (!bundles.has(key)) bundles.set(key, { key, counts: new Uint32Array(head.statuses.length), number: 0 });
        const bundle = bundles.get(key);
        bundle.counts[Math.floor(data.rank[each] / data.severities)] += 1;
        bundle.number += 1;
      }
    }
    return [...bundles.values()].sort((one, other) => other.counts[FAILED] - one.counts[FAILED] || other.number - one.number);
  }
  function groupRow({ key, counts, number: size }, kind) {
    const is = kind === "resource";
    const label = is ? called(data.arn[key], data.name[key]) : kind === "control" ? (counts[FAILED] ? failureTitle(key) : controlTitle(key)) : kind === "unit" ? (key ? unitName(key) : "not known") : key;
    const goal = is ? { open: data.arn[key] } : key ? { [kind]: [key], group: "" } : {};
    return make("tr", {}, make("td.group", { colspan: "7" }, make("a", { href: fragment({ ...view.state, ...goal }) }, bdi(label)), is || kind === "control" ? make("small", {}, bdi(is ? data.arn[key] : key)) : "",
      make("span.share", {}, counted(size, "finding"), ...head.statuses.map(([, word], place) => (counts[place] ? ` \u00b7 ${number(counts[place])} ${word.toLowerCase()}` : "")))));
  }
  function pill(field, value) {
    const button = make("button.pill", { type: "button", title: `Remove this filter: ${names[field]}` }, `${names[field]}: `, bdi((labels[field] || String)(value)), " \u00d7");
    button.addEventListener("click", () => view.change({ [field]: view.state[field].filter((one) => one !== value) }));
    return button;
  }
  /* The rows that match, as CSV. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
  function csv() {
    const cell = (text) => { const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text; return /[",\r\n;]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe; };
    const lines = [["status", "severity", "control", "title", "subject", "name", "type", "account", "account_name", "organizational_unit", "region", "owner", "reason"]];
    for (const each of chosen(view.state)) {
      const [subject, rank, control] = [data.subject[each], data.rank[each], data.controls[data.control[each]]];
      const [account, key] = [data.accounts[data.account[subject]], statusKey(Math.floor(rank / data.severities))];
      lines.push([key, head.severities[rank % data.severities][0], control, findingTitle(control, key), data.arn[subject], data.name[subject], data.types[data.type[subject]], account, head.accounts[account] || "",
        unitsOf(account).slice(-1).map(unitName).join(""), data.regions[data.region[subject]], data.owner[subject] < 0 ? "" : ownerName(data.owners[data.owner[subject]]), data.reasons[data.reason[each]]]);
    }
    return `\ufeff${lines.map((line) => line.map((text) => cell(visible(text))).join(",")).join("\r\n")}\r\n`;
  }
  function download() {
    const address = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    make("a", { href: address, download: "findings-view.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  /* Filters: each with the values that there are, and the number of rows that have them. */
  function tally(keys, of) {
    const counts = new Uint32Array(keys.length);
    for (let each = 0; each < data.rows; each += 1) { const place = of(each); if (place >= 0) counts[place] += 1; }
    return keys.map((key, place) => [key, counts[place]]);
  }
  function merged(pairs) {
    const found = new Map();
    for (const [key, count] of pairs) if (count) found.set(key, (found.get(key) || 0) + count);
    return [...found];
  }
  function values(field) {
    const subject = (column) => (each) => column[data.subject[each]];
    switch (field) {
      case "severity": return tally(head.severities.map(([key]) => key), (each) => data.rank[each] % data.severities);
      case "control": return tally(data.controls, (each) => data.control[each]);
      case "framework": return merged(tally(data.controls, (each) => data.control[each]).flatMap(([id, count]) => ((head.controls[id] || [])[1] || []).map((key) => [key, count])));
      case "account": return tally(data.accounts, subject(data.account));
      case "unit": return merged(tally(data.accounts, subject(data.account)).flatMap(([id, count]) => unitsOf(id).map((key) => [key, count])));
      case "region": return tally(data.regions, subject(data.region));
      case "type": return tally(data.types, subject(data.type));
      default: return merged(tally(data.owners, subject(data.owner)).map(([key, count]) => [ownerName(key), count]));
    }
  }
  const labels = {
    control: controlTitle, framework: (key) => head.frameworks[key] || key, type: typeName,
    account: (key) => (head.accounts[key] ? `${head.accounts[key]} (${key})` : key), severity: (key) => Object.fromEntries(head.severities)[key], unit: unitName,
  };
  const names = { severity: "severity", control: "control", framework: "framework", account: "account", unit: "organizational unit", region: "Region", type: "type", owner: "owner" };
  function select(field) {
    const label = labels[field] || ((key) => key);
    const found = values(field).filter(([, count]) => count).map(([key, count]) => [key, label(key), count]);
    if (!found.length || (found.length === 1 && ["unit", "owner", "framework"].includes(field))) return "";
    if (field !== "severity") found.sort((one, other) => (one[1] < other[1] ? -1 : 1));
    const made = make("select", { name: field, "aria-label": names[field] }, make("option", { value: "" }, `Any ${names[field]}`), found.map(([key, text, count]) => make("option", { value: key }, `${text} \u00b7 ${number(count)}`)));
    made.addEventListener("change", () => { if (made.value) view.change({ [field]: [...new Set([...view.state[field], made.value])] }); else view.change({ [field]: [] }); });
    return made;
  }
  function setUp() {
    table.classList.add("live");
    all("th", table).forEach((cell, index) => {
      const button = make("button", { type: "button" }, cell.textContent);
      button.addEventListener("click", () => view.change({ sort: view.state.sort === columns[index] ? `-${columns[index]}` : view.state.sort === `-${columns[index]}` ? "" : columns[index] }));
      cell.replaceChildren(button);
    });
    for (const [key, word] of head.statuses) {
      if (!head.counted[key]) continue;
      const chip = make(`button.chip.${key}`, { type: "button", "data-status": key, "aria-pressed": "false" }, icon(key), word, make("small", {}, number(head.counted[key])));
      chip.addEventListener("click", () => view.change({ status: view.state.status.includes(key) ? view.state.status.filter((name) => name !== key) : [...view.state.status, key] }));
      $(".chips").append(chip);
    }
    const clear = make("button", { type: "button" }, "Clear filters");
    clear.addEventListener("click", () => view.change({ ...EMPTY, sort: view.state.sort }));
    const group = make("select", { name: "group", "aria-label": "Group by" }, make("option", { value: "" }, "Not grouped"), Object.entries(GROUPS).map(([key, word]) => make("option", { value: key }, `By ${word}`)));
    group.addEventListener("change", () => view.change({ group: group.value }));
    $(".selects").append(...nodes([...FILTERS.map(select), group]), clear);
    $(".export button").addEventListener("click", download);
    $(".export").hidden = false;
    $(".filters").addEventListener("submit", (event) => event.preventDefault());
    let waiting = 0;
    $(".search-box input").addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => view.change({ q: event.target.value.trim() }), 120);
    });
    $(".more button").addEventListener("click", () => { shown += PAGE * 5; draw(); });
    for (const each of [$(".explorer"), $(".tally")]) each.hidden = false;
  }
  return { draw, setUp, first: () => { shown = PAGE; } };
}

/* The box at the top: type a name or an ARN, choose with the arrow keys, and the subject's page opens. */
function finder(data, matching, view) {
  const [box, input, list] = [$(".finder"), $(".finder input"), $(".finder ul")];
  let found = [];
  let active = -1;
  function close() {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }
  function choose(place) {
    const text = input.value.trim();
    close();
    if (place >= 0 && place < found.length) view.change({ open: data.arn[found[place]], at: "" }, true);
    else if (text) { view.change({ ...EMPTY, q: text }, true); $("#findings").scrollIntoView({ behavior: "instant" }); }
  }
  function mark(place) {
    active = place;
    all("[role=option]", list).forEach((option, index) => {
      option.setAttribute("aria-selected", String(index === place));
      if (index === place) { input.setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); }
    });
  }
  function option(content, place) {
    const made = make("li", { role: "option", id: `found-${place}`, "aria-selected": "false" }, content);
    made.addEventListener("mousedown", (event) => event.preventDefault());
    made.addEventListener("click", () => choose(place));
    return made;
  }
  function hit(subject, place) {
    const worst = Math.min(...data.ofSubject(subject).map((row) => data.rank[row]));
    const where = [typeName(data.types[data.type[subject]]), accountName(data.accounts[data.account[subject]]), data.regions[data.region[subject]]];
    return option([status(Math.floor(worst / data.severities)), make("span.hit", {}, bdi(called(data.arn[subject], data.name[subject]), "b"), make("small", {}, bdi([subtitle(data.arn[subject], data.name[subject]), ...where].filter(Boolean).join(" \u00b7 "))))], place);
  }
  function look() {
    const text = input.value.trim();
    if (!text) { close(); return; }
    found = matching.subjectsLike(text, 8);
    const rest = option(make("span.hit", {}, found.all > found.length ? `${number(found.all)} matching subjects: search all findings` : "Search all findings"), found.length);
    list.replaceChildren(...found.map(hit), rest);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark(0);
  }
  let waiting = 0;
  input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(look, 90); });
  input.addEventListener("focus", () => { if (input.value.trim()) look(); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    else if (event.key === "Enter") { event.preventDefault(); clearTimeout(waiting); if (list.hidden || !found.length) look(); choose(active); }
    else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !list.hidden) {
      event.preventDefault();
      mark((active + (event.key === "ArrowDown" ? 1 : found.length)) % (found.length + 1));
    }
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !$(".sheet").open && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) { event.preventDefault(); input.focus(); input.select(); }
  });
  box.hidden = false;
}
