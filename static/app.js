// What the pages do beyond HTML and htmx. Everything also works without this file; parts are found by data- attributes.
"use strict";

const find = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const on = (name, act, options) => document.addEventListener(name, act, options);
const onClick = (selector, act) => on("click", (event) => { const hit = event.target.closest?.(selector); if (hit) act(hit, event); });
document.documentElement.classList.add("js");

// Messages
function say(text) {
  const message = find("#message-template").content.cloneNode(true);
  find("p", message).textContent = text;
  find("#flash").replaceChildren(message);
}
onClick("[data-dismiss]", (button) => { button.closest("[data-message]").remove(); find("#main").focus({preventScroll: true}); });

// Requests of htmx: errors in words, no polling of a page nobody sees, nothing swapped that did not change
const polled = new Map(); // address -> the last answer to a poll
const isPoll = (detail) => !detail.requestConfig.triggeringEvent;
const withoutTokens = (html) => html.replace(/(name="csrf_token" value=")[^"]*/g, "$1");
let unreachable = false;

on("htmx:beforeRequest", (event) => {
  if (isPoll(event.detail) && document.hidden) event.preventDefault();
  else busy(event.detail.elt, event.detail.requestConfig.triggeringEvent?.submitter, true);
});
on("htmx:afterRequest", (event) => {
  busy(event.detail.elt, event.detail.requestConfig.triggeringEvent?.submitter, false);
  if (event.detail.xhr.status && unreachable) { unreachable = false; find("#flash").replaceChildren(); }
});
on("htmx:beforeSwap", ({detail}) => {
  if (detail.xhr.getResponseHeader("HX-Reswap") === "none") detail.shouldSwap = true; // only its message, out of band
  if (!isPoll(detail)) return polled.clear();
  const answer = withoutTokens(detail.serverResponse), path = detail.requestConfig.path;
  if (polled.get(path) === answer) detail.shouldSwap = false;
  polled.set(path, answer);
});
on("htmx:responseError", ({detail: {xhr}}) => {
  if (!xhr.getResponseHeader("HX-Reswap")) say(`That did not work (error ${xhr.status}). Reload the page and try again.`);
});
for (const name of ["htmx:sendError", "htmx:timeout"]) {
  on(name, () => { unreachable = true; say("Kayse Dash cannot be reached. Check your connection; nothing was changed."); });
}

// Swaps: what was open stays open, and the keyboard stays where it was
let before = null;
const sign = (element) => `${element.tagName} ${element.name || ""} ${element.getAttribute("aria-label") || element.textContent.trim()}`;
on("htmx:beforeSwap", ({detail: {target}}) => {
  const active = target.contains(document.activeElement) && document.activeElement;
  before = {open: all("details[id][open]", target).map((details) => details.id), focus: active && sign(active)};
});
on("htmx:afterSettle", ({target}) => {
  refresh();
  if (!before || target.id === "flash") return;
  for (const id of before.open) document.getElementById(id)?.setAttribute("open", "");
  const wanted = target.matches("[data-autofocus]") ? target : find("[data-autofocus]", target);
  const lost = before.focus && document.activeElement === document.body;
  const again = lost && all("a, button, summary, input, select, textarea", target).find((element) => sign(element) === before.focus);
  if (lost && !wanted && !again) target.setAttribute("tabindex", "-1");
  (wanted || again || (lost && target))?.focus?.();
  before = null;
});

// Forms: sent once, asked about first where they say so
function busy(form, submitter, state) {
  if (form.method !== "post") return;
  if (state) form.dataset.busy = ""; else delete form.dataset.busy;
  if (submitter) submitter.ariaBusy = state ? "true" : null;
}
const agreed = new WeakSet();
on("submit", (event) => {
  const form = event.target, dialog = find("#confirm"), ask = form.dataset.confirm && dialog && !agreed.has(form);
  if ("busy" in form.dataset || ask) { event.preventDefault(); event.stopImmediatePropagation(); }
  if (!ask) return agreed.delete(form);
  const yes = find("[data-confirm-yes]", dialog);
  find("h2", dialog).textContent = form.dataset.confirmTitle || "Are you sure?";
  find("p", dialog).textContent = form.dataset.confirm;
  yes.textContent = form.dataset.confirmLabel || "Continue";
  yes.classList.toggle("button--danger", Boolean(event.submitter?.classList.contains("button--danger")));
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue !== "yes") return;
    if (form.elements.confirmed) form.elements.confirmed.value = "yes";
    agreed.add(form);
    form.requestSubmit(event.submitter);
  };
  dialog.showModal();
}, true);
window.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  busy(event.target, event.submitter, true);
  setTimeout(() => busy(event.target, event.submitter, false), 15000);
});
window.addEventListener("pageshow", () => all("form[data-busy]").forEach((form) => busy(form, find("[aria-busy]", form), false)));

// Copying; the clipboard of browsers is only there on https and this machine
onClick("[data-copy], [data-copy-text]", async (button) => {
  const source = button.dataset.copy && find(button.dataset.copy), text = button.dataset.copyText ?? source.value ?? source.textContent;
  const label = find("[data-copy-label]", button) || button, words = (button.dataset.words ??= label.textContent);
  let copied = true;
  try { await navigator.clipboard.writeText(text); } catch {
    const area = Object.assign(document.createElement("textarea"), {value: text});
    button.after(area); area.select(); copied = document.execCommand("copy"); area.remove(); button.focus();
  }
  label.textContent = copied ? "Copied" : "Select and copy";
  setTimeout(() => { label.textContent = words; }, 2000);
});

// Lists: filter by typing, select all
on("input", ({target}) => {
  const list = target.dataset.filter && find(target.dataset.filter), words = target.value.toLowerCase().split(/\s+/);
  if (!list) return;
  const shown = all("li, tbody tr", list).filter((item) => !(item.hidden = !words.every((word) => item.textContent.toLowerCase().includes(word))));
  for (const group of all("fieldset, [data-filter-group]", list)) group.hidden = !shown.some((item) => group.contains(item));
  all("[data-filter-none]", list).forEach((note) => { note.hidden = shown.length > 0; });
});
on("change", ({target}) => {
  if (target.matches("[data-check-all]")) for (const box of boxes(target)) box.checked = target.checked;
  refresh();
});
const boxes = (allBox) => all("input[type=checkbox]:not([data-check-all])", allBox.closest("fieldset")).filter((box) => !box.closest("[hidden]"));

// Keys and menus
const closeMenus = (kept) => all("details[data-menu][open]").forEach((menu) => { if (!menu.contains(kept)) menu.open = false; });
on("click", (event) => closeMenus(event.target));
on("focusin", (event) => closeMenus(event.target));
on("keydown", (event) => {
  const menu = event.key === "Escape" && find("details[data-menu][open]");
  if (menu) { menu.open = false; find("summary", menu).focus(); }
  if (event.key === "Enter" && event.target.matches("[data-filter]")) event.preventDefault();
  const typing = event.target.matches("input, textarea, select, [contenteditable]"), search = find("[data-search]");
  if (event.key === "/" && !typing && search && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); search.select(); search.focus(); }
});

// Times, by the rules of words.ago
function ago(seconds) {
  const minutes = Math.floor((30 - seconds) / 60), hours = Math.floor(minutes / 60);
  if (seconds < 0 && minutes < 1) return "in a moment";
  if (seconds < 0) return minutes <= 2880 ? `in ${[hours && `${hours} h`, minutes % 60 && `${minutes % 60} min`].filter(Boolean).join(" ")}` : null;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)} h ago` : null; // a day or more: what the server wrote stays
}
function refresh() {
  for (const time of all("time[data-relative]")) time.textContent = ago((Date.now() - new Date(time.dateTime)) / 1000) ?? time.textContent;
  for (const allBox of all("[data-check-all]")) {
    const checked = boxes(allBox).map((box) => box.checked);
    allBox.checked = checked.length > 0 && checked.every(Boolean);
    allBox.indeterminate = !allBox.checked && checked.some(Boolean);
  }
}
setInterval(refresh, 30000);
refresh();
