// The fields of a tab as native elements. Python holds the values; here they are shown and sent.

const POSITIONS = 1000 // of a logarithmic slider

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties)
  element.append(...children)
  return element
}

function rounded(x, field) {
  if (field.whole) return Math.round(x)
  return Number(field.log ? x.toPrecision(3) : x.toFixed(6))
}

// A slider and its number field: value to position and back, linear or logarithmic.
function numberField(field, id, send) {
  const ratio = field.log ? Math.log(field.high / field.low) : 1
  const toPosition = (x) => (field.log ? (POSITIONS * Math.log(Math.max(x, field.low) / field.low)) / ratio : x)
  const toValue = (at) => rounded(field.log ? field.low * Math.exp((ratio * at) / POSITIONS) : at, field)
  const slider = make("input", { type: "range", id })
  slider.min = field.log ? 0 : field.low
  slider.max = field.log ? POSITIONS : field.high
  slider.step = field.log ? 1 : field.step
  const box = make("input", { type: "number", step: field.whole ? 1 : field.log ? "any" : field.step })
  box.setAttribute("aria-label", `${field.label}, as a number`)
  let current = null
  const show = (x) => {
    current = x
    if (!slider.matches(":active")) slider.value = toPosition(x)
    slider.setAttribute("aria-valuetext", String(x))
    if (!box.matches(":focus")) box.value = x
  }
  slider.addEventListener("input", () => {
    let x = toValue(Number(slider.value))
    // A whole number may need several positions of the slider: one key is one step at least.
    if (x === current && field.whole) x += Math.sign(Number(slider.value) - toPosition(current))
    show(x)
    box.value = x
    send(x)
  })
  box.addEventListener("change", () => {
    if (box.value !== "" && Number.isFinite(Number(box.value))) send(Number(box.value))
  })
  return { parts: [box, slider], show }
}

function choiceField(field, id, send) {
  const select = make("select", { id })
  const offer = (options) => select.replaceChildren(...options.map(([value, label]) => make("option", { value }, label)))
  offer(field.options)
  select.addEventListener("change", () => send(select.value))
  return { parts: [select], show: (value) => (select.value = value), offer }
}

function switchField(field, id, send) {
  const box = make("input", { type: "checkbox", id })
  box.addEventListener("change", () => send(box.checked))
  return { parts: [box], show: (value) => (box.checked = value) }
}

function textField(field, id, send) {
  const box = make("input", { type: "text", id, spellcheck: false, autocomplete: "off" })
  box.addEventListener("change", () => send(box.value))
  return {
    parts: [box],
    show: (value) => {
      if (!box.matches(":focus")) box.value = value
    },
  }
}

function buttonField(field, id, send) {
  const button = make("button", { type: "button", id }, field.label)
  button.addEventListener("click", () => send(true))
  return { parts: [button], show: () => {} }
}

// Files go to Python in pieces that fit a message; they are not stored anywhere.
function filesField(field, id, send) {
  const PIECE = 3 << 20
  const input = make("input", { type: "file", id, multiple: true })
  const given = make("span", { className: "given" })
  input.addEventListener("change", async () => {
    for (const [index, file] of [...input.files].entries()) {
      for (let start = 0; start === 0 || start < file.size; start += PIECE) {
        const bytes = new Uint8Array(await file.slice(start, start + PIECE).arrayBuffer())
        let text = ""
        for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
        const more = start + PIECE < file.size || index + 1 < input.files.length
        send({ name: file.name, first: index === 0 && start === 0, start, data: btoa(text), more })
      }
    }
    given.textContent = [...input.files].map((file) => file.name).join(", ")
    input.value = "" // so that the same file can be given again after it was mended
  })
  return { parts: [input, given], show: () => {} }
}

const KINDS = {
  number: numberField, choice: choiceField, switch: switchField, text: textField, button: buttonField, files: filesField,
}

export function render({ model }) {
  const form = make("form", { className: "form" })
  form.addEventListener("submit", (event) => event.preventDefault())
  const shown = []
  const groups = new Map()
  let waiting = false
  const latest = new Map()

  // One change under way at a time, the last value of each field next.
  const flush = () => {
    if (waiting || latest.size === 0) return
    waiting = true
    const changes = Object.fromEntries(latest)
    latest.clear()
    model.send_msg({ changes })
  }
  const send = (field, value) => {
    if (field.kind === "files") return model.send_msg({ changes: { [field.name]: value } }) // every piece counts
    latest.set(field.name, value)
    flush()
  }

  for (const field of model.fields) {
    const id = `field-${field.name}`
    const { parts, show, offer } = KINDS[field.kind](field, id, (value) => send(field, value))
    const row = make("div", { className: `field ${field.kind}`, title: field.help })
    if (field.kind !== "button") row.append(make("label", { htmlFor: id }, field.label))
    row.append(...parts)
    if (field.help) for (const part of parts) part.setAttribute("aria-description", field.help)
    if (!groups.has(field.group)) {
      const group = make("fieldset", {})
      if (field.group) group.append(make("legend", {}, field.group))
      groups.set(field.group, group)
      form.append(group)
    }
    groups.get(field.group).append(row)
    shown.push({ field, row, show, offer })
  }

  const update = () => {
    for (const { field, row, show, offer } of shown) {
      row.hidden = field.when !== null && !field.when[1].includes(model.values[field.when[0]])
      if (offer) row.hidden ||= row.querySelector("option") === null // there is nothing to choose from yet
      if (!latest.has(field.name) && model.values[field.name] !== undefined) show(model.values[field.name])
    }
    for (const group of groups.values()) group.hidden = group.querySelector(".field:not([hidden])") === null
  }
  const offer = () => {
    for (const each of shown) if (each.field.name in model.options) each.offer(model.options[each.field.name])
    update()
  }
  model.on("values", update)
  model.on("options", offer)
  model.on("answered", () => {
    waiting = false
    flush()
  })
  offer()
  return form
}
