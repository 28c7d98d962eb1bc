/* Themes, the section in view, printing; and putting the parts together. */
function setUpTheme() {
  const button = $(".theme-button");
  const themes = ["system", "light", "dark"];
  const apply = (name) => {
    if (name === "system") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = name;
    $("span", button).textContent = `Theme: ${name}`;
  };
  let current = "system";
  try { current = localStorage.getItem("vaultproof-theme") || current; } catch { /* no storage for this file: the choice lasts as long as the page */ }
  if (!themes.includes(current)) current = "system";
  apply(current);
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
function setUpPrint() {
  let closed = [];
  addEventListener("beforeprint", () => { closed = $(".sheet").open ? all(".in-words:not([open])") : all("main details:not([open], .files)"); for (const each of closed) each.open = true; });
  addEventListener("afterprint", () => { for (const each of closed) each.open = false; });
}
function openControl() {
  if (!location.hash.startsWith("#control-")) return;
  const card = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (card) { card.open = true; card.scrollIntoView({ behavior: "instant" }); }
}
function setUpCopying() {
  for (const button of all("main .copy-button[hidden]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy($("code", button.closest("figure")).textContent));
  }
}

async function start() {
  setUpTheme();
  setUpSections();
  setUpPrint();
  setUpCopying();
  openControl();
  let data;
  try { data = await load(); } catch (problem) {
    $(".cannot").hidden = false;
    throw problem;
  }
  learn(data);
  const matching = matcher(data);
  const view = { state: read() };
  const table = explorer(data, matching, view);
  const showSubject = subjects(data, view);
  view.change = (changes, remember = false) => {
    view.state = { ...view.state, strange: [], ...changes };
    const target = fragment(view.state) === "#/?" ? "#findings" : fragment(view.state);
    if (location.hash !== target) history[remember ? "pushState" : "replaceState"](null, "", target);
    if (!("open" in changes)) { table.first(); table.draw(); }
    if ("q" in changes && "open" in changes) { table.first(); table.draw(); }
    showSubject();
  };
  function follow(initial) {
    const former = view.state;
    view.state = read();
    openControl();
    if (location.hash.startsWith("#control-") && $(".sheet").open) $(".sheet").close();
    const moved = fragment({ ...view.state, open: "", at: "" }) !== fragment({ ...former, open: "", at: "" });
    if (initial || moved) { table.first(); table.draw(); }
    if (location.hash.startsWith("#/") && !view.state.open && (initial || moved)) $("#findings").scrollIntoView({ behavior: "instant" });
    showSubject();
  }
  table.setUp();
  finder(data, matching, view);
  addEventListener("hashchange", () => follow(false));
  addEventListener("popstate", () => follow(false));
  follow(true);
  document.documentElement.dataset.ready = "";
  performance.mark("interactive");
}
start();
