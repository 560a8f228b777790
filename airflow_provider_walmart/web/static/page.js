// The page in its frame: Airflow's theme, links that open in Airflow, downloads, reload. All else works without it.
(() => {
  const root = document.documentElement;
  const outer = window.parent === window ? null : window.parent.document.documentElement;
  const follow = () => {
    const dark = outer ? outer.classList.contains("dark") : matchMedia("(prefers-color-scheme: dark)").matches;
    root.classList.toggle("dark", dark);
    root.classList.toggle("light", !dark);
    root.classList.toggle("framed", outer !== null);
  };
  follow();
  if (outer) {
    new MutationObserver(follow).observe(outer, { attributes: true, attributeFilter: ["class"] });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow], a[data-download]");
    if (link && outer && event.button === 0 && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      if (link.hasAttribute("data-airflow")) {
        window.parent.history.pushState({}, "", link.href);
        window.parent.dispatchEvent(new PopStateEvent("popstate"));
      } else {
        // Before Airflow 3.3.2 the frame may not download.
        const copy = window.parent.document.createElement("a");
        copy.href = link.href;
        copy.download = "";
        copy.click();
      }
    }
    if (event.target.closest("[data-reload]")) {
      location.reload();
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-reload]")) {
      button.hidden = false;
    }
    // A filter is used at once.
    for (const field of document.querySelectorAll(".filters select, .filters input[type=checkbox]")) {
      field.addEventListener("change", () => field.form.requestSubmit());
    }
  });
})();
