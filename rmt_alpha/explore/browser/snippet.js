// The same as code: one button to copy each text, and the texts themselves.

export function render({ model }) {
  const box = document.createElement("details")
  box.className = "snippet"
  const summary = document.createElement("summary")
  const said = document.createElement("span")
  said.className = "said"
  said.setAttribute("role", "status")
  box.append(summary)

  async function copy(title) {
    try {
      await navigator.clipboard.writeText(model.texts[title])
      said.textContent = "copied"
    } catch {
      box.open = true // the text is there to be copied by hand
      said.textContent = "copy it from below"
    }
    setTimeout(() => (said.textContent = ""), 2000)
  }

  const update = () => {
    summary.replaceChildren("code")
    box.querySelectorAll("pre").forEach((each) => each.remove())
    for (const [title, text] of Object.entries(model.texts)) {
      const button = document.createElement("button")
      button.type = "button"
      button.textContent = `copy as ${title}`
      button.setAttribute("aria-label", `copy ${model.of} as ${title}`)
      button.addEventListener("click", (event) => {
        event.preventDefault() // the summary would open
        copy(title)
      })
      summary.append(" ", button)
      const pre = document.createElement("pre")
      pre.textContent = text
      pre.setAttribute("aria-label", `${model.of} as ${title}`)
      pre.tabIndex = 0
      box.append(pre)
    }
    summary.append(" ", said)
  }
  model.on("texts", update)
  update()
  return box
}
