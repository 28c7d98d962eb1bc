/* The page of one subject: its status and why, its protection chain, and the commands that fix it. */
const BLANKS = {
  PLAN_ID: "the backup plan's id", VAULT_NAME: "the vault's name", SOURCE_VAULT: "the name of the vault that holds the recovery point",
  RESOURCE_ARN: "the resource's ARN", RECOVERY_POINT_ARN: "the recovery point's ARN", DESTINATION_VAULT_ARN: "the destination vault's ARN",
  AIR_GAPPED_VAULT_ARN: "the air-gapped vault's ARN", DESTINATION_ACCOUNT: "the destination's account id", DESTINATION_REGION: "the destination's Region",
  BACKUP_ACCOUNT_ID: "the id of the account that stores the copies", ACCOUNT_ID: "the account's id", ORGANIZATION_ID: "the organisation's id",
  OTHER_REGION: "a Region other than the resource's", KEY_ARN: "the ARN of a customer managed KMS key", KEY_ID: "the key's id", ROLE_ARN: "the ARN of the role that AWS Backup assumes",
  SNAPSHOT_ID: "the snapshot's id", SELECTION_ID: "the selection's id", JOB_ID: "the job's id", TOPIC_ARN: "the SNS topic's ARN", TEAM_ARN: "the approval team's ARN",
  ROOT_ID: "the organisation's root id", POLICY_ID: "the policy's id", OU_ID: "the organizational unit's id", REGION: "the Region", ZONE: "the Availability Zone", TYPE: "the resource type as AWS Backup spells it",
};
const BLANK = new RegExp(`(?<![\\w-])(?:${Object.keys(BLANKS).join("|")})(?![\\w])`, "g");
/* Values that need no quoting in a shell or a template. All others are left for the reader to fill in. */
const PLAIN = /^[\w:/.+=@,~-]+$/;

function subjects(data, view) {
  const sheet = $(".sheet");
  const inflated = new Map();
  const close = () => view.change({ open: "", at: "" });
  sheet.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  sheet.addEventListener("click", (event) => { if (event.target === sheet) close(); });

  async function detailsOf(subject) {
    const place = head.blocks[subject];
    if (place === undefined) return null;
    if (!inflated.has(place)) inflated.set(place, inflate(`block-${place}`));
    return (await inflated.get(place))[data.arn[subject]] || null;
  }

  let token = 0;
  async function show() {
    const { open, at } = view.state;
    token += 1;
    const mine = token;
    if (!open) { if (sheet.open) sheet.close(); return; }
    const subject = data.arn.indexOf(open);
    if (subject < 0) { if (sheet.open) sheet.close(); toast("That subject is not in this file; look for it in findings.jsonl.gz."); return; }
    const record = await detailsOf(subject);
    if (mine !== token) return;
    const drawnAt = sheet.dataset.subject;
    if (drawnAt !== String(subject) || !sheet.open) { sheet.replaceChildren(...page(subject, record)); sheet.dataset.subject = String(subject); }
    if (!sheet.open) sheet.showModal();
    sheet.scrollTop = 0;
    const own = $(".picture .own", sheet);
    if (own) { const [frame, box] = [own.closest(".picture"), own.getBoundingClientRect()]; const edge = frame.getBoundingClientRect(); frame.scrollTo(Math.max(0, box.left - edge.left - 24), Math.max(0, box.top + box.height / 2 - edge.top - edge.height / 2)); }
    const card = at && all(".finding", sheet).find((each) => each.dataset.control === at);
    if (card) card.open = true;
    if (card && !("first" in card.dataset)) { for (let each = card; each; each = each.parentElement.closest("details")) each.open = true; card.scrollIntoView({ block: "start" }); }
  }

  /* The whole page */
  function page(subject, record) {
    const [arn, name] = [data.arn[subject], data.name[subject]];
    const [account, region] = [data.accounts[data.account[subject]], data.regions[data.region[subject]]];
    const rows = [...data.ofSubject(subject)].sort((one, other) => data.rank[one] - data.rank[other] || first(one) - first(other));
    const closing = make("button.round", { type: "button", "aria-label": "Close" }, icon("close"));
    closing.addEventListener("click", close);
    const owner = data.owner[subject] < 0 ? "" : [", owner ", bdi(ownerName(data.owners[data.owner[subject]]))];
    return [
      make("div.bar-top", {}, rows.length ? status(Math.floor(data.rank[rows[0]] / data.severities)) : "", make("span.spring"), copyButton(() => location.href, "Copy link"), closing),
      make("div.inside", {},
        make("h2", { id: "sheet-title", tabindex: "-1", autofocus: "" }, bdi(called(arn, name))),
        make("p.where", {}, `${typeName(data.types[data.type[subject]])} in `, bdi(accountName(account)), head.accounts[account] ? ` (${account})` : "", `, ${region}`, owner),
        make("p.full", {}, make("code", {}, bdi(arn)), copyButton(() => arn)),
        why(rows, record), remedies(subject, rows, record), chain(record), groups(subject, rows, record),
        record ? "" : make("p.cut", {}, "Its details are not in this file; see findings.jsonl.gz."))];
  }
  const statusOf = (row) => statusKey(Math.floor(data.rank[row] / data.severities));
  const controlOf = (row) => data.controls[data.control[row]];
  /* Causes come first: a resource that no rule covers has no copies either. */
  const first = (row) => ["resource-opted-in", "resource-in-backup-plan"].indexOf(controlOf(row)) + 1 || 9;

  const beginning = (rows) => [...rows].filter((row) => statusOf(row) === "fail").sort((one, other) => first(one) - first(other) || data.rank[one] - data.rank[other])[0];

  function why(rows, record) {
    const counts = new Map();
    for (const row of rows) counts.set(statusOf(row), (counts.get(statusOf(row)) || 0) + 1);
    const tally = head.statuses.filter(([key]) => counts.has(key)).map(([key, word], place) => [place ? ", " : "", `${counts.get(key)} ${word.toLowerCase()}`]);
    const worst = rows.length ? statusOf(rows[0]) : "not_applicable";
    const verdict = record && record.chain ? record.chain.tree.verdict : "";
    const tone = { broken: "fail", unknown: "unknown" }[verdict] || worst;
    const because = record && record.chain ? record.chain.tree.because : "";
    const failing = counts.get("fail") || 0;
    const begin = beginning(rows);
    const reason = begin === undefined ? (rows.length ? data.reasons[data.reason[rows[0]]] : "") : data.reasons[data.reason[begin]];
    const lead = because && verdict !== "broken" && failing ? `${because} But ${counted(failing, "control fails", "controls fail")}.` : because || reason;
    return make(`div.verdict-box.${tone}`, {}, make("p.lead", {}, bdi(lead)), reason && reason !== lead ? make("p", {}, bdi(reason)) : "",
      make("p", {}, head.passes ? `${counted(rows.length, "check")}: ` : `${counted(rows.length, "check that did not pass", "checks that did not pass")}: `, tally, "."));
  }

  /* How to fix it: the remediation of the control, filled in with the values of this subject */
  function remedies(subject, rows, record) {
    const begin = beginning(rows);
    if (begin === undefined) return "";
    const others = rows.filter((row) => statusOf(row) === "fail").length - 1;
    const more = others ? make("p.fine", {}, `${counted(others, "other control fails", "other controls fail")}: see below, each with its own fix.${first(begin) < 9 ? " Begin here: other failures may follow from this one." : ""}`) : "";
    return make("section.fix", {}, make("h3", {}, "How to fix it"), make("p.what", {}, "To meet this requirement: ", make("b", {}, controlTitle(controlOf(begin))), ` (${controlOf(begin)})`), remedy(subject, begin, record), more);
  }
  /* What to do about this one finding, where the report says more than the remediation of its control. */
  function own(row, record) {
    const more = record && record.findings[controlOf(row)];
    const advice = more && more.details && more.details.to_do;
    if (!advice || !advice.text) return "";
    const cli = more.commands || advice.cli;
    return [make("p", {}, bdi(advice.text)), cli ? make("figure.code.filled", {}, make("figcaption", {}, "Commands", copyButton(() => cli)), make("pre", { tabindex: "0", "aria-label": "Commands" }, make("code", {}, cli))) : ""];
  }
  function remedy(subject, row, record) {
    const advice = own(row, record);
    return advice ? [advice, make("p.fine", {}, make("a", { href: `#control-${controlOf(row)}` }, "Other ways"), " are listed with the control.")] : general(subject, row, record);
  }
  function general(subject, row, record) {
    const card = document.getElementById(`control-${controlOf(row)}`);
    const source = card && $(".remedy", card);
    if (!source) return "";
    const text = $("p", source);
    const commands = ((record && record.findings[controlOf(row)]) || {}).commands;
    const codes = all("figure.code", source).filter((figure) => !figure.dataset.title.startsWith("Commands")).map((figure) => [figure.dataset.title, figure.dataset.title === "AWS CLI" && commands ? commands : $("code", figure).textContent]);
    return [text ? make("p", {}, text.textContent) : "", codes.length ? tabs(subject, row, record, codes) : ""];
  }
  function tabs(subject, row, record, codes) {
    const known = knownOf(subject, row, record);
    const frame = make("figure.code.filled");
    let current = 0;
    const draw = () => {
      const [title, text] = codes[current];
      const filled = fill(title === "AWS CLI" && !text.startsWith("# ") ? `${prelude(subject)}${text}` : text, known);
      const shown = make("code", {}, filled.parts);
      const buttons = codes.map(([name], place) => {
        const button = make("button.tab", { type: "button", "aria-pressed": String(place === current) }, name);
        button.addEventListener("click", () => { current = place; draw(); all(".tab", frame)[place].focus(); });
        return button;
      });
      frame.replaceChildren(make("figcaption", {}, make("span.tabs", { role: "group", "aria-label": "Form" }, buttons), copyButton(() => shown.textContent)),
        ...nodes([choices(known, filled.used, draw), make("pre", { tabindex: "0", "aria-label": title }, shown)]), ...nodes([left(filled.open, known), replaces(text)]));
    };
    draw();
    return frame;
  }
  /* A warning about a command that replaces more than one might expect. */
  function replaces(text) {
    return text.includes("put-backup-vault-access-policy") ? make("p.left", {}, make("b", {}, "This replaces the vault's entire access policy"), ": carry over the statements that you want to keep.") : "";
  }
  function left(open, known) {
    if (!open.length) return "";
    const none = open.includes("PLAN_ID") && !known.PLAN_ID ? " There is no backup plan in this account and Region in this report. You may have to create one first (aws backup create-backup-plan)." : "";
    return make("p.left", {}, "Still to fill in: ", open.map((blank, place) => [place ? "; " : "", make("mark", {}, blank), ` ${BLANKS[blank]}`]), ".", none);
  }
  function choices(known, used, draw) {
    const asked = used.filter((blank) => known[blank] && known[blank].options);
    return asked.length ? make("div.choices", {}, asked.map((blank) => {
      const { options, note } = known[blank];
      const select = make("select", {}, make("option", { value: "" }, "fill in manually"), options.map(([value, label]) => make("option", { value }, label)));
      select.value = known[blank].value || "";
      select.addEventListener("change", () => { known[blank].value = select.value; draw(); });
      return make("label", {}, make("code", {}, blank), note, select);
    })) : "";
  }
  /* The account and Region in which to run the commands. */
  function prelude(subject) {
    const [account, region] = [data.accounts[data.account[subject]], data.regions[data.region[subject]]];
    const name = head.accounts[account] && /^[\w .@-]+$/.test(head.accounts[account]) ? ` (${head.accounts[account]})` : "";
    const regional = /^[a-z]{2}(-[a-z]+)+-\d$/.test(region) && data.types[data.type[subject]] !== "copy_action";
    return `# found in account ${account}${name}, ${region}\n${regional ? `export AWS_REGION=${region}\n` : ""}`;
  }
  function fill(text, known) {
    const [parts, used, open] = [[], [], []];
    let from = 0;
    for (const match of text.matchAll(BLANK)) {
      const blank = match[0];
      if (text.slice(match.index - 2, match.index) === "# " && text[match.index + blank.length] === ":") continue; /* its explanation */
      const value = (known[blank] || {}).value || "";
      parts.push(text.slice(from, match.index), value ? make("b.filled", {}, value) : make("mark", {}, blank));
      if (!used.includes(blank)) { used.push(blank); if (!value) open.push(blank); }
      from = match.index + blank.length;
    }
    parts.push(text.slice(from));
    return { parts, used, open };
  }
  const distinct = (values) => [...new Set(values.filter((value) => typeof value === "string" && PLAIN.test(value)))];
  function knownOf(subject, row, record) {
    const known = {};
    const set = (blank, ...values) => { const found = distinct(values); if (found.length === 1) known[blank] = { value: found[0] }; else if (found.length > 1) offer(blank, found.map((value) => [value, value])); };
    const offer = (blank, options, note = "") => { const found = options.filter(([value]) => PLAIN.test(value)).slice(0, 60); if (found.length) known[blank] = { options: found, note, value: found.length === 1 ? found[0][0] : "" }; };
    const [arn, type, account, region] = [data.arn[subject], data.types[data.type[subject]], data.accounts[data.account[subject]], data.regions[data.region[subject]]];
    const details = Object.assign({}, ...Object.values((record && record.findings) || {}).map((each) => each.details || {}), (((record && record.findings) || {})[controlOf(row)] || {}).details || {});
    const list = (key) => (Array.isArray(details[key]) ? details[key] : []).filter((each) => each && typeof each === "object");
    const plan = (text) => ((text || "").match(/:backup-plan:([\w/-]+)/) || [])[1];
    set("ACCOUNT_ID", account);
    if (region !== "aws-global") set("REGION", region);
    set("ORGANIZATION_ID", head.organization);
    const role = `arn:${arn.split(":")[1] || "aws"}:iam::${account}:role/service-role/AWSBackupDefaultServiceRole`;
    if (/^\d{12}$/.test(account)) offer("ROLE_ARN", [[role, "AWSBackupDefaultServiceRole"]], "Role that AWS Backup assumes; it must exist");
    const here = (kind, value) => similar(kind, subject).map((each) => [value(data.arn[each]), called(data.arn[each], data.name[each])]).filter(([found]) => found);
    if (type === "vault") set("VAULT_NAME", short(arn));
    else if (type === "plan" || type === "rule") set("PLAN_ID", plan(arn));
    else if (type === "selection") { set("PLAN_ID", plan(arn)); set("SELECTION_ID", arn.split("#")[1] || ""); }
    else if (type === "copy_action") copyAction(arn, set, plan);
    else if (type === "recovery_point") { set("RECOVERY_POINT_ARN", arn); set("VAULT_NAME", short(String(details.vault || ""))); set("RESOURCE_ARN", details.resource); set("SNAPSHOT_ID", (arn.match(/snapshot\/(snap-[0-9a-f]+)/) || [])[1]); }
    else if (!["account", "account_region"].includes(type)) {
      set("RESOURCE_ARN", arn);
      if (!/\s/.test(type)) set("TYPE", type);
      const plans = distinct(list("rules").map((rule) => plan(rule.rule)));
      if (plans.length) set("PLAN_ID", ...plans);
      else offer("PLAN_ID", here("plan", plan), "Plan in this account and Region");
      const vaults = distinct(list("rules").map((rule) => rule.vault));
      if (vaults.length) set("VAULT_NAME", ...vaults);
      else offer("VAULT_NAME", here("vault", short), "Vault in this account and Region");
      set("JOB_ID", ...list("jobs").filter((job) => job.failed && job.newest).map((job) => job.job));
    }
    if (type === "rule" && !known.VAULT_NAME) set("VAULT_NAME", short(String(details.target || "")));
    return known;
  }
  function copyAction(arn, set, plan) {
    const [rule, destination] = arn.split("->");
    const parts = (destination || "").split(":");
    set("PLAN_ID", plan(rule));
    set("DESTINATION_VAULT_ARN", destination);
    set("VAULT_NAME", short(destination || ""));
    set("DESTINATION_REGION", parts[3]);
    set("DESTINATION_ACCOUNT", parts[4]);
  }
  /* Subjects of a kind in the same account and Region. */
  function similar(kind, subject) {
    const type = data.types.indexOf(kind);
    const found = [];
    for (let each = 0; each < data.subjects; each += 1) if (data.type[each] === type && data.account[each] === data.account[subject] && data.region[each] === data.region[subject]) found.push(each);
    return found;
  }

  /* What each control says, by status */
  function groups(subject, rows, record) {
    const titles = { fail: "Failed", error: "Errors", unknown: "Unknown", waived: "Waived", pass: "Passed", not_applicable: "Not applicable" };
    return make("section", {}, make("h3", {}, "Findings by control"), head.statuses.map(([key]) => {
      const members = rows.filter((row) => statusOf(row) === key);
      if (!members.length) return "";
      const group = make("details.said", {}, make("summary", {}, icon(key), make("b", {}, titles[key]), make("small", {}, number(members.length))), members.map((row) => finding(subject, row, record)));
      group.open = ["fail", "error", "unknown", "waived"].includes(key);
      return group;
    }));
  }
  function finding(subject, row, record) {
    const control = controlOf(row);
    const more = (record && record.findings[control]) || {};
    const key = statusOf(row);
    const isFirst = row === beginning(data.ofSubject(subject));
    const card = make("details.finding", { "data-control": control, ...(isFirst ? { "data-first": "" } : {}) }, make("summary", {}, make("span.what", {}, bdi(data.reasons[data.reason[row]], "b"), make("span.reason", {}, `${["fail", "waived"].includes(key) ? failureTitle(control) : `Requirement: ${controlTitle(control)}`} (${control})`)), severity(data.rank[row] % data.severities), icon("chevron")));
    let drawnOnce = false;
    const draw = () => {
      if (drawnOnce) return;
      drawnOnce = true;
      const pairs = Object.entries(more.details || {}).filter(([name]) => name !== "to_do");
      card.append(make("div.more-of-it", {},
        more.waiver ? waived(more.waiver) : "", more.owner_source ? make("p.fine", {}, `Owner according to ${more.owner_source}.`) : "",
        more.first_seen ? make("p.fine", {}, more.first_seen) : "",
        more.cause ? make("p.fine", {}, make("b", {}, "Root cause: "), bdi(more.cause)) : "",
        isFirst ? make("p.fine", {}, "See the commands above.") : ["fail", "waived"].includes(key) ? [make("h4", {}, "How to fix it"), remedy(subject, row, record)] : "",
        key === "unknown" && own(row, record) ? [make("h4", {}, "To do"), own(row, record)] : "",
        key === "unknown" ? make("p.fine", {}, "This cannot be evaluated until the missing data is read. ", make("a", { href: "#completeness" }, "Show missing reads")) : "",
        pairs.length ? [make("h4", {}, "Details"), tree(pairs)] : "",
        (more.evidence || []).length ? [make("h4", {}, "Evidence"), make("ul.refs", {}, more.evidence.map(([file, line]) => make("li", {}, make("code", {}, file), ` line ${number(line)}`)))] : "",
        make("p.fine", {}, make("a", { href: `#control-${control}` }, "About this control"))));
    };
    card.addEventListener("toggle", () => { if (card.open) draw(); });
    return card;
  }
  function waived(waiver) {
    return make("div.verdict-box.waived", {}, make("p", {}, `Waived until ${waiver.expires}: `, bdi(waiver.reason)), make("p", {}, `${waiver.id}, owned by `, bdi(waiver.owner), ", approved by ", bdi(waiver.approver)));
  }
  function tree(pairs) {
    return make("dl.tree", {}, pairs.map(([name, content]) => make("div", {}, make("dt", {}, String(name).replaceAll("_", " ")), make("dd", {}, leaf(content)))));
  }
  function leaf(content) {
    if (content === null) return make("span.open-count.unknown", {}, "not known");
    if (Array.isArray(content)) return content.length ? content.map((member) => make("div.member", {}, leaf(member))) : "none";
    if (typeof content === "object") return Object.keys(content).length ? tree(Object.entries(content)) : "none";
    if (typeof content === "boolean") return content ? "yes" : "no";
    return bdi(content === 999999 ? "never expires" : content === "" ? "none" : String(content));
  }
  return show;
}
