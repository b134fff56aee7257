// Draws a machine: boxes are buttons, arcs are lines, active states are lit, a chosen state tells its transitions.

import { element } from './element.js'
import { activeIds, layout, walk } from './layout.js'
import { labelOf } from './lifecycle.js'

const svgSpace = 'http://www.w3.org/2000/svg'
let charts = 0

/** `{ root, setActive(value) }` for a machine as data. */
export function createChart(machine) {
  const prefix = `chart-${++charts}`
  const nodes = new Map()
  walk(machine.root, (node, parent) => nodes.set(node.id, { node, parent, buttons: [] }))
  const arcs = []
  const details = element('.transitions', { 'aria-live': 'polite' }, hint())
  const regions = machine.root.type === 'parallel' ? machine.root.states : [machine.root]
  const figures = regions.map(drawRegion)
  // The tallest stands first, the others beside it.
  const tallest = figures.reduce((one, other) => (parseFloat(other.style.height) > parseFloat(one.style.height) ? other : one))
  const root = element('.chart', {}, element('.regions', {}, tallest, ...figures.filter((figure) => figure !== tallest)), details)
  let chosen = null

  function drawRegion(region) {
    const { width, height, boxes, arcs: lines } = layout(region)
    const figure = element('.region', { role: 'group', 'aria-label': labelOf(region.key) })
    figure.style.width = `${width}px`
    figure.style.height = `${height}px`
    const svg = document.createElementNS(svgSpace, 'svg')
    svg.setAttribute('width', width)
    svg.setAttribute('height', height)
    svg.setAttribute('aria-hidden', 'true')
    svg.append(arrowHead(`${prefix}-${region.key}`))
    for (const line of lines) {
      const path = document.createElementNS(svgSpace, 'path')
      path.setAttribute('d', line.path)
      path.setAttribute('class', 'arc')
      path.setAttribute('marker-end', `url(#${prefix}-${region.key})`)
      if (line.x !== undefined) path.setAttribute('transform', `translate(${line.x} ${line.y})`)
      svg.append(path)
      arcs.push({ path, from: line.from, to: line.to })
    }
    const heading = stateButton(region, 'region-name', 0, 0)
    // Enclosing boxes come first, so that inner ones are above them; lines lie between.
    figure.append(...boxes.filter((box) => !box.isLeaf).map(drawBox), svg, heading, ...boxes.filter((box) => box.isLeaf).map(drawBox))
    return figure
  }

  function drawBox(box) {
    if (box.isLeaf) {
      const button = stateButton(box.node, 'leaf', box.x, box.y, box.caption)
      button.style.width = `${box.width}px`
      button.style.height = `${box.height}px`
      return button
    }
    const frame = element('.frame', { 'data-id': box.node.id }, stateButton(box.node, 'frame-name', 0, 0))
    Object.assign(frame.style, { left: `${box.x}px`, top: `${box.y}px`, width: `${box.width}px`, height: `${box.height}px` })
    nodes.get(box.node.id).buttons.push(frame)
    return frame
  }

  function stateButton(node, kind, x, y, caption = '') {
    const button = element(
      'button',
      {
        type: 'button',
        className: `state ${kind}`,
        'data-id': node.id,
        'data-tags': node.tags.join(' '),
        title: [node.description, caption === '' ? '' : `Entered on ${caption}.`].filter(Boolean).join(' '),
        'aria-pressed': 'false',
        onclick: () => choose(chosen === node.id ? null : node.id),
        onmouseenter: () => light(node.id),
        onmouseleave: () => light(chosen),
        onfocus: () => light(node.id),
        onblur: () => light(chosen),
      },
      element('span.name', {}, node.key),
      caption === '' ? '' : element('span.caption', {}, shortened(caption)),
    )
    button.style.left = `${x}px`
    button.style.top = `${y}px`
    nodes.get(node.id).buttons.push(button)
    return button
  }

  function light(id) {
    for (const { path, from, to } of arcs) {
      path.classList.toggle('out', id !== null && from === id)
      path.classList.toggle('in', id !== null && to === id)
      // Above those that it shares a lane or an end with.
      if (id !== null && (from === id || to === id)) path.parentNode.append(path)
    }
  }

  function choose(id) {
    if (chosen !== null) for (const button of nodes.get(chosen).buttons) button.setAttribute('aria-pressed', 'false')
    chosen = id
    light(id)
    if (id === null) return details.replaceChildren(hint())
    for (const button of nodes.get(id).buttons) button.setAttribute('aria-pressed', 'true')
    details.replaceChildren(...describe(id))
  }

  function describe(id) {
    const { node } = nodes.get(id)
    const leaving = []
    for (let at = node; at !== undefined && at !== null; at = nodes.get(at.id).parent) {
      for (const transition of at.transitions) leaving.push({ source: at, transition })
    }
    const entering = [...nodes.values()].flatMap(({ node: source }) =>
      source.transitions.filter((transition) => transition.targets.includes(id)).map((transition) => ({ source, transition })),
    )
    const facts = [
      node.tags.length > 0 ? `Tags: ${node.tags.join(', ')}. ` : '',
      node.invoke.length > 0 ? `Runs ${node.invoke.map((one) => one.src).join(', ')}. ` : '',
      node.meta['waitsFor'] === undefined ? '' : `Waits for ${plain(node.meta['waitsFor'])}.`,
    ].join('')
    const isMove = ({ transition }) => transition.targets.length > 0
    const stays = [...new Set(leaving.filter((one) => !isMove(one)).map(({ transition }) => transition.event))]
    return [
      element('h3', {}, pathOf(id)),
      element('p', {}, [node.description, facts].filter(Boolean).join(' ')),
      list('Leaves on', leaving.filter(isMove), ({ source, transition }) => {
        const inherited = source.id === id ? '' : `, as all of ${near(source.id, id)}`
        return ` → ${transition.targets.map((target) => near(target, id)).join(', ')}${inherited}`
      }),
      list('Entered on', entering, ({ source }) => ` from ${near(source.id, id)}`),
      stays.length === 0
        ? ''
        : element(
            'p.stays',
            {},
            'Takes and stays: ',
            stays.map((event, index) => [index === 0 ? '' : ', ', element('code', {}, event)]),
          ),
    ].filter((part) => part !== '')
  }

  /** A state's place as seen from another of the same region. */
  function near(id, from) {
    const [path, region] = [pathOf(id), `${pathOf(from).split('.')[0]}.`]
    return machine.root.type === 'parallel' && path.startsWith(region) ? path.slice(region.length) : path
  }

  /** A state's place below the machine, as people write it. */
  function pathOf(id) {
    const keys = []
    for (let at = nodes.get(id); at !== undefined && at.parent !== null; at = nodes.get(at.parent.id)) keys.unshift(at.node.key)
    return keys.join('.') || machine.id
  }

  return {
    root,
    setActive(value) {
      const active = activeIds(machine.root, value)
      for (const [id, { buttons }] of nodes) {
        for (const button of buttons) {
          button.classList.toggle('active', active.has(id))
          if (active.has(id)) button.setAttribute('aria-current', 'true')
          else button.removeAttribute('aria-current')
        }
      }
      for (const { path, from } of arcs) path.classList.toggle('possible', active.has(from))
    },
  }
}

function hint() {
  return element('p.empty', {}, 'Choose a state to see what it waits for, what leaves it and what enters it.')
}

function list(title, transitions, placeOf) {
  if (transitions.length === 0) return element('p.empty', {}, `${title} nothing.`)
  const items = transitions.map((one) => {
    const { event, guard, description } = one.transition
    const name = element('code', { title: description ?? '' }, event === '' ? 'always' : event)
    return element('li', {}, name, guard === null ? '' : element('span.when', {}, ` when ${guard}`), placeOf(one))
  })
  return element('section', {}, element('h4', {}, title), element('ul', {}, items))
}

/** A box has room for two names; its tooltip and its transitions have all. */
function shortened(caption) {
  const names = caption.split(', ')
  return names.length <= 2 ? caption : `${names[0]} and ${names.length - 1} more`
}

function plain(value) {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function arrowHead(id) {
  const defs = document.createElementNS(svgSpace, 'defs')
  const marker = document.createElementNS(svgSpace, 'marker')
  for (const [name, value] of Object.entries({ id, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: 'auto' }))
    marker.setAttribute(name, value)
  const tip = document.createElementNS(svgSpace, 'path')
  tip.setAttribute('d', 'M0 0L8 4L0 8z')
  tip.setAttribute('fill', 'context-stroke')
  marker.append(tip)
  defs.append(marker)
  return defs
}
