// Views of one name are switched together, in every section that has it.
for (const button of document.querySelectorAll(".switch button")) {
  button.addEventListener("click", () => {
    const name = button.dataset.view;
    for (const section of document.querySelectorAll("main > section")) {
      const buttons = [...section.querySelectorAll(".switch button")];
      if (!buttons.some(other => other.dataset.view === name)) continue;
      buttons.forEach(other => other.setAttribute("aria-pressed", String(other.dataset.view === name)));
      section.querySelectorAll(":scope > [data-name]").forEach(view => { view.hidden = view.dataset.name !== name; });
    }
  });
}
