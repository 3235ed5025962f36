// What belongs to the window: the tabs, light or dark, and the URL, which holds the whole state.

export function render({ model }) {
  const bar = document.createElement("div")
  bar.className = "bar"
  const nav = document.createElement("nav")
  nav.setAttribute("aria-label", "Tabs")
  const buttons = model.tabs.map(([name, title]) => {
    const button = document.createElement("button")
    button.type = "button"
    button.textContent = title
    button.addEventListener("click", () => model.send_msg({ tab: name }))
    nav.append(button)
    return [name, button]
  })
  const label = document.createElement("label")
  label.className = "theme"
  const select = document.createElement("select")
  for (const name of ["auto", "light", "dark"]) select.append(new Option(name, name))
  select.addEventListener("change", () => model.send_msg({ theme: select.value }))
  label.append("colours ", select)
  bar.append(nav, label)

  const system = window.matchMedia("(prefers-color-scheme: dark)")
  const update = () => {
    for (const [name, button] of buttons) {
      if (name === model.tab) button.setAttribute("aria-current", "page")
      else button.removeAttribute("aria-current")
    }
    select.value = model.theme
    const dark = model.theme === "dark" || (model.theme === "auto" && system.matches)
    document.documentElement.dataset.theme = dark ? "dark" : "light"
    if (dark !== update.dark) model.send_msg({ dark })
    update.dark = dark
    window.history.replaceState(null, "", window.location.pathname + model.search)
  }
  update.dark = false // what Python begins with
  system.addEventListener("change", update)
  model.on(["tab", "theme", "search"], update)
  update()
  return bar
}
