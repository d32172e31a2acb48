// Within the page: copying, lists, keys, times. Runs after app.js, whose find, all, on and onClick it uses.
"use strict";

// Copying. The clipboard interface is missing on plain http, hence the older way behind it
onClick("[data-copy], [data-copy-text]", async (button) => {
  const source = button.dataset.copy && find(button.dataset.copy), text = button.dataset.copyText ?? source.value ?? source.textContent;
  const label = find("[data-copy-label]", button) || button, words = (button.dataset.words ??= label.textContent);
  const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false) || copyBySelecting(text, button);
  label.textContent = copied ? "Copied" : "Select it and copy";
  setTimeout(() => { label.textContent = words; }, 2000);
});
function copyBySelecting(text, button) {
  const area = Object.assign(document.createElement("textarea"), {value: text, className: "visually-hidden"});
  button.after(area); area.select();
  const copied = document.execCommand("copy");
  area.remove(); button.focus();
  return copied;
}

// Lists: shortened by typing, chosen all at once
const boxes = (choice) => all("input[type=checkbox]:not([data-check-all])", choice.closest("fieldset")).filter((box) => !box.closest("[hidden]"));
on("input", ({target}) => {
  const list = target.dataset.filter && find(target.dataset.filter), words = target.value?.toLowerCase().split(/\s+/);
  if (!list) return;
  const shown = all("li, tbody tr", list).filter((item) => !(item.hidden = !words.every((word) => item.textContent.toLowerCase().includes(word))));
  for (const group of all("fieldset", list)) group.hidden = !shown.some((item) => group.contains(item));
  for (const note of all("[data-filter-none]", list)) note.hidden = shown.length > 0;
});
on("change", ({target}) => {
  if (target.matches("[data-check-all]")) for (const box of boxes(target)) box.checked = target.checked;
  refresh();
});

// Keys and menus
const closeMenus = (kept) => all("[data-menu][open]").forEach((menu) => { if (!menu.contains(kept)) menu.open = false; });
on("click", ({target}) => closeMenus(target));
on("focusin", ({target}) => closeMenus(target));
on("keydown", (event) => {
  const {key, target} = event, menu = key === "Escape" && find("[data-menu][open]"), search = find("[data-search]");
  if (menu) { menu.open = false; find("summary", menu).focus(); }
  if (key === "Enter" && target.matches("[data-filter]")) event.preventDefault();
  if (key !== "/" || !search || event.ctrlKey || event.metaKey || event.altKey || target.matches("input, textarea, select")) return;
  event.preventDefault(); search.focus(); search.select();
});

// Times by the rules of words.ago, for `seconds` that have passed; null where the server's words stay
function ago(seconds) {
  const minutes = Math.floor((30 - seconds) / 60), hours = Math.floor(minutes / 60);
  if (seconds < 0 && minutes < 1) return "in a moment";
  if (seconds < 0) return minutes <= 2880 ? `in ${[hours && `${hours} h`, minutes % 60 && `${minutes % 60} min`].filter(Boolean).join(" ")}` : null;
  if (seconds < 60) return "just now";
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ago` : seconds < 86400 ? `${Math.floor(seconds / 3600)} h ago` : null;
}
function refresh() {
  for (const time of all("time[data-relative]")) time.textContent = ago((Date.now() - new Date(time.dateTime)) / 1000) ?? time.textContent;
  for (const choice of all("[data-check-all]")) {
    const checked = boxes(choice).map((box) => box.checked);
    choice.checked = checked.length > 0 && checked.every(Boolean);
    choice.indeterminate = !choice.checked && checked.some(Boolean);
  }
}
setInterval(refresh, 30000);
refresh();
on("htmx:afterSettle", refresh);

// Uploads: one that is too large is refused before it is sent, and how much of it was sent is shown
on("change", ({target}) => {
  const most = target.type === "file" && target.form?.dataset.upload, bytes = target.files?.[0]?.size ?? 0;
  if (most) target.setCustomValidity(bytes > Number(most) ? `This file is larger than ${Math.floor(most / 1048576)} MB. Split it into several files.` : "");
  if (most) target.reportValidity();
});
on("htmx:xhr:progress", ({target, detail: {lengthComputable, loaded, total}}) => {
  const bar = target.matches("form") && find("[data-upload-progress]", target);
  if (!bar || !lengthComputable) return;
  bar.hidden = false; bar.max = total; bar.value = loaded;
});
