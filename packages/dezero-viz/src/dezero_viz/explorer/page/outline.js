// The graph as a list, for those who would rather read: a tree as the ARIA practices describe it.

const tree = document.getElementById("tree");
const outline = document.getElementById("outline");

/** Show the groups that are open, and what stands in them. */
function showOutline(selected) {
  const hadFocus = tree.contains(document.activeElement);
  const rows = [];
  const visit = (key, level) => {
    const attributes = {
      role: "treeitem", "data-key": key, "aria-level": level, tabindex: "-1",
      "aria-selected": key === selected, style: `padding-left: ${6 + 14 * (level - 1)}px`,
    };
    const group = isGroup(key);
    if (group) attributes["aria-expanded"] = isOpen(key);
    const sign = group ? (isOpen(key) ? "▾ " : "▸ ") : "· ";
    rows.push(make("li", attributes, make("span", { "aria-hidden": "true" }, sign), headOf(key), " ", make("small", {}, subtitleOf(key))));
    if (group && isOpen(key)) for (const kid of kidsOf(key)) visit(kid, level + 1);
  };
  for (const key of data.root) visit(key, 1);
  tree.replaceChildren(...rows);
  const current = tree.querySelector('[aria-selected="true"]') ?? rows[0];
  if (current) {
    current.tabIndex = 0;
    if (hadFocus) current.focus();
    else if (outline.classList.contains("shown")) current.scrollIntoView({ block: "nearest" });
  }
}

function listenToOutline({ select, toggle }) {
  const keyOf = (event) => Number(event.target.closest("li")?.dataset.key);
  tree.addEventListener("click", (event) => {
    const key = keyOf(event);
    if (Number.isNaN(key)) return;
    if (isGroup(key) && event.offsetX < 6) toggle(key);
    select(key, { center: true });
  });
  tree.addEventListener("dblclick", (event) => { if (isGroup(keyOf(event))) toggle(keyOf(event)); });
  tree.addEventListener("keydown", (event) => {
    const row = event.target.closest("li");
    const key = keyOf(event);
    const move = (to) => { if (to) { row.tabIndex = -1; to.tabIndex = 0; to.focus(); } };
    const actions = {
      ArrowDown: () => move(row.nextElementSibling),
      ArrowUp: () => move(row.previousElementSibling),
      Home: () => move(tree.firstElementChild),
      End: () => move(tree.lastElementChild),
      ArrowRight: () => (isGroup(key) && !isOpen(key) ? toggle(key, key) : move(row.nextElementSibling)),
      ArrowLeft: () => (isGroup(key) && isOpen(key) ? toggle(key, key) : move(tree.querySelector(`[data-key="${parentOf.get(key)}"]`))),
      Enter: () => select(key, { center: true }),
      " ": () => (isGroup(key) ? toggle(key, key) : select(key, { center: true })),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    actions[event.key]();
  });
}
