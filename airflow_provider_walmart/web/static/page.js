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

  // What a frame may not do, a link of the document around it may: before Airflow 3.3.2 to download, and to leave the page.
  const clickOutside = (properties) => Object.assign(window.parent.document.createElement("a"), properties).click();
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow], a[data-download]");
    if (link && outer && event.button === 0 && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      if (link.hasAttribute("data-airflow")) {
        window.parent.history.pushState({}, "", link.href);
        window.parent.dispatchEvent(new PopStateEvent("popstate"));
      } else {
        clickOutside({ href: link.href, download: "" });
      }
    }
    const button = event.target.closest("[data-reload]");
    if (button) {
      // All of Airflow where the login has ended, which leads to a new one.
      button.dataset.reload === "airflow" && outer ? clickOutside({ href: window.parent.location.href }) : location.reload();
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-reload]")) {
      button.hidden = false;
    }
    // On a narrow screen each cell stands in a line of its own, behind its heading.
    for (const table of document.querySelectorAll("table")) {
      const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
      for (const row of table.tBodies[0].rows) {
        [...row.cells].forEach((cell, column) => (cell.dataset.heading = headings[column]));
      }
    }
    // What is still being read is shown as it grows, unless somebody is typing.
    if (document.body.dataset.refresh) {
      setInterval(() => {
        if (!document.activeElement.matches("input, select")) {
          location.reload();
        }
      }, document.body.dataset.refresh * 1000);
    }
    // A filter is used at once.
    for (const field of document.querySelectorAll(".filters select, .filters input[type=checkbox]")) {
      field.addEventListener("change", () => field.form.requestSubmit());
    }
  });
})();
