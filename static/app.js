// Between the page and the server: messages, requests, swaps, forms. Pages also work without it; parts are found by their data- attributes.
"use strict";
const find = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const on = (name, act, options) => document.addEventListener(name, act, options);
const onClick = (selector, act) => on("click", ({target}) => { const hit = target.closest(selector); if (hit) act(hit); });
document.documentElement.classList.add("js");

// Messages of this page's own
function say(words) {
  if (find("#flash p")?.textContent === words) return; // a live region would read it out again
  const message = find("#message-template").content.cloneNode(true);
  find("p", message).textContent = words;
  find("#flash").replaceChildren(message);
}
const UNREACHABLE = "Kayse Dash cannot be reached. Check your connection, then try again.";
onClick("[data-dismiss]", (button) => { button.closest("[data-message]").remove(); find("#main").focus({preventScroll: true}); });

// Requests: no polling where nobody looks or something is being chosen; failures in words; nothing swapped that did not change
const answers = new Map(); // the last answer to each poll
const isPoll = ({elt, requestConfig}) => !requestConfig.triggeringEvent && /\bevery\b/.test(elt.getAttribute("hx-trigger"));
on("htmx:beforeRequest", (event) => {
  const {detail} = event;
  if (!isPoll(detail)) return busy(detail.elt, detail.requestConfig.triggeringEvent?.submitter, true);
  if (document.hidden || find("dialog[open]") || find("[data-menu][open]", detail.elt)) event.preventDefault();
});
on("htmx:afterRequest", ({detail: {elt, xhr, requestConfig}}) => {
  if (xhr.status && find("#flash p")?.textContent === UNREACHABLE) find("#flash").replaceChildren();
  if (!xhr.getResponseHeader("HX-Redirect")) busy(elt, requestConfig.triggeringEvent?.submitter, false);
});
on("htmx:sendError", () => say(UNREACHABLE));
on("htmx:timeout", () => say(UNREACHABLE));
on("htmx:responseError", ({detail: {xhr}}) => {
  if (!xhr.getResponseHeader("HX-Reswap")) say(`That did not work (error ${xhr.status}). Reload the page, then try again.`);
});
on("htmx:beforeSwap", ({detail}) => {
  if (detail.xhr.getResponseHeader("HX-Reswap") === "none") detail.shouldSwap = true; // only the message beside it
  if (!isPoll(detail)) return answers.clear();
  const path = detail.requestConfig.path, answer = detail.serverResponse.replace(/(name="csrf_token" value=")[^"]*/g, "$1");
  if (answers.get(path) === answer) detail.shouldSwap = false;
  answers.set(path, answer);
});

// Swaps: what was open stays open, and the keyboard stays where it was
let before = null;
const sign = (element) => [element.tagName, element.name, element.ariaLabel, element.textContent.trim()].join();
on("htmx:beforeSwap", ({detail: {target}}) => {
  const active = target.contains(document.activeElement) ? document.activeElement : null;
  before = {open: all("details[id][open]", target).map(({id}) => id), focus: active && sign(active)};
});
on("htmx:afterSettle", ({target}) => {
  if (!before || target.closest("#flash")) return;
  for (const id of before.open) document.getElementById(id)?.setAttribute("open", "");
  const wanted = target.matches("[data-autofocus]") ? target : find("[data-autofocus]", target);
  const lost = before.focus && document.activeElement === document.body;
  const same = lost && all("a, button, summary, input, select, textarea", target).find((element) => sign(element) === before.focus);
  if (lost && !wanted && !same) target.setAttribute("tabindex", "-1");
  (wanted || same || (lost && target))?.focus?.();
  before = null;
});

// Forms: sent once, and asked about first where they say so
function busy(form, submitter, state) {
  if (form.getAttribute("method") !== "post") return;
  if (state) form.dataset.busy = ""; else delete form.dataset.busy;
  if (submitter) submitter.ariaBusy = state ? "true" : null;
}
const agreed = new WeakSet();
on("submit", (event) => {
  const form = event.target, dialog = find("#confirm"), ask = form.dataset.confirm && !agreed.delete(form);
  if (ask || "busy" in form.dataset) { event.preventDefault(); event.stopImmediatePropagation(); }
  if (!ask || "busy" in form.dataset) return;
  const yes = find("[value=yes]", dialog), danger = Boolean(event.submitter?.classList.contains("button--danger"));
  find("h2", dialog).textContent = form.dataset.confirmTitle || "Are you sure?";
  find("p", dialog).textContent = form.dataset.confirm;
  yes.textContent = form.dataset.confirmLabel || "Continue";
  yes.classList.toggle("button--danger", danger);
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue !== "yes") return;
    if (form.elements.confirmed) form.elements.confirmed.value = "yes";
    agreed.add(form);
    form.requestSubmit(event.submitter);
  };
  dialog.showModal();
}, true);
window.addEventListener("submit", (event) => { if (!event.defaultPrevented) busy(event.target, event.submitter, true); });
window.addEventListener("pageshow", () => all("form[data-busy]").forEach((form) => busy(form, find("[aria-busy]", form), false)));
find("[data-autofocus]")?.focus();
