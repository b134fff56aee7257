// Where the states of a machine go: a column a region, happy path downwards, transitions as arcs beside it. Pure geometry.

const gap = 16
const lane = 9
const inset = 10
const leaf = { width: 164, height: 28, captioned: 40 }
const title = 26

/**
 * `{ width, height, boxes, arcs }` of one compound or parallel state's inside. Boxes: `{ node, x, y, width, height, caption,
 * isLeaf }`. Arcs: `{ from, to, path, transitions }` with the ids of the states that they join.
 */
export function layout(root) {
  const parents = new Map()
  walk(root, (node, parent) => parents.set(node.id, parent))
  const edges = edgesOf(root, parents)
  const common = commonOf(edges, parents)
  return place(root, {
    arcs: edges.filter((edge) => edge.from !== null && !edge.transitions.every(({ transition }) => isCommon(common, edge, transition))),
    entries: common,
  })
}

function place(node, edges) {
  return node.type === 'parallel' ? placeRow(node, edges) : placeColumn(node, edges)
}

/** The regions of a nested parallel state, side by side. */
function placeRow(node, edges) {
  let x = inset
  let height = 0
  const boxes = []
  const arcs = []
  for (const state of node.states) {
    const box = measure(state, edges)
    put(box, x, title, boxes, arcs)
    x += box.width + gap
    height = Math.max(height, box.height)
  }
  return { width: x - gap + inset, height: title + height + inset, boxes, arcs }
}

function placeColumn(node, edges) {
  const children = node.states.map((state) => measure(state, edges))
  const own = edges.arcs.filter((edge) => edge.parent === node.id)
  const order = new Map(node.states.map((state, index) => [state.id, index]))
  const ranked = own.map((edge) => ({ ...edge, a: order.get(edge.from), b: order.get(edge.to) }))
  const right = assignLanes(ranked.filter(({ a, b }) => b > a + 1))
  const left = assignLanes(ranked.filter(({ a, b }) => b < a))
  const column = Math.max(leaf.width, ...children.map((box) => box.width))
  const x = inset + (left.count === 0 ? 0 : left.count * lane + 6)

  let y = title
  const boxes = []
  const arcs = []
  for (const box of children) {
    box.width = column
    put(box, x, y, boxes, arcs)
    y += box.height + gap
  }
  const middle = ({ y: top, height, isLeaf }) => top + (isLeaf ? height / 2 : title / 2)
  for (const edge of ranked.filter(({ a, b }) => b === a + 1)) {
    const from = children[edge.a]
    const to = children[edge.b]
    arcs.push({ ...edge, path: `M${x + column / 2} ${from.y + from.height}V${to.y - 1}` })
  }
  for (const [lanes, side] of [
    [right, 1],
    [left, -1],
  ]) {
    for (const edge of lanes.edges) {
      const edgeX = side === 1 ? x + column : x
      const far = edgeX + side * ((edge.lane + 1) * lane + 4)
      const start = middle(children[edge.a]) + (edge.b > edge.a ? 4 : -4)
      const end = middle(children[edge.b]) + (edge.b > edge.a ? -4 : 4)
      const bend = start < end ? 5 : -5
      arcs.push({
        ...edge,
        path: `M${edgeX} ${start}H${far - side * 5}Q${far} ${start} ${far} ${start + bend}V${end - bend}Q${far} ${end} ${far - side * 5} ${end}H${edgeX + side}`,
      })
    }
  }
  return { width: x + column + (right.count === 0 ? 0 : right.count * lane + 6) + inset, height: y - gap + inset, boxes, arcs }
}

/** A state's box at 0, 0, with its inside placed. */
function measure(node, edges) {
  const caption = captionOf(node, edges)
  if (node.states.length === 0) {
    return {
      node,
      x: 0,
      y: 0,
      width: leaf.width,
      height: caption === '' ? leaf.height : leaf.captioned,
      caption,
      isLeaf: true,
      inner: null,
    }
  }
  const inner = place(node, edges)
  return { node, x: 0, y: 0, width: inner.width, height: inner.height, caption, isLeaf: false, inner }
}

/** Moves a box and its inside to where they belong, outermost first. */
function put(box, x, y, boxes, arcs) {
  box.x = x
  box.y = y
  boxes.push(box)
  for (const inner of box.inner?.boxes ?? []) {
    inner.x += x
    inner.y += y
    boxes.push(inner)
  }
  for (const arc of box.inner?.arcs ?? []) arcs.push({ ...arc, x: (arc.x ?? 0) + x, y: (arc.y ?? 0) + y })
}

/** The conditions under which a state is entered wherever the region was: a name, not a bundle of arcs. */
function captionOf(node, { entries }) {
  return [...(entries.get(node.id) ?? [])].join(', ')
}

/**
 * For each state the names of the transitions that most of its siblings have into it, or that the region itself has: their
 * guard, else their event.
 */
function commonOf(edges, parents) {
  const sources = new Map()
  for (const { from, to, transitions } of edges) {
    for (const { transition } of transitions) {
      const names = sources.get(to) ?? sources.set(to, new Map()).get(to)
      const name = nameOf(transition)
      names.set(name, (names.get(name) ?? new Set()).add(from))
    }
  }
  const common = new Map()
  for (const [to, names] of sources) {
    const siblings = parents.get(to).states.length - 1
    const most = [...names].filter(([, from]) => from.has(null) || (siblings >= 4 && from.size > siblings / 2)).map(([name]) => name)
    if (most.length > 0) common.set(to, new Set(most))
  }
  return common
}

function isCommon(common, edge, transition) {
  return common.get(edge.to)?.has(nameOf(transition)) ?? false
}

function nameOf({ event, guard }) {
  return guard ?? event
}

/** Short arcs inside, long ones outside; those that do not overlap share a lane. */
function assignLanes(edges) {
  const taken = []
  const placed = edges
    .toSorted((one, two) => Math.abs(one.b - one.a) - Math.abs(two.b - two.a))
    .map((edge) => {
      const [low, high] = [Math.min(edge.a, edge.b), Math.max(edge.a, edge.b)]
      let index = taken.findIndex((spans) => spans.every(([from, to]) => high <= from || low >= to))
      if (index === -1) index = taken.push([]) - 1
      taken[index].push([low, high])
      return { ...edge, lane: index }
    })
  return { edges: placed, count: taken.length }
}

/** Transitions lifted to the children of the state that holds both ends; `from` is null when that state is their source. */
function edgesOf(root, parents) {
  const edges = new Map()
  walk(root, (node) => {
    for (const transition of node.transitions) {
      for (const target of transition.targets) {
        const edge = lift(node.id, target, parents)
        if (edge === null) continue
        const identity = `${edge.parent} ${edge.from} ${edge.to}`
        if (!edges.has(identity)) edges.set(identity, { ...edge, transitions: [] })
        edges.get(identity).transitions.push({ source: node, transition })
      }
    }
  })
  return [...edges.values()]
}

function lift(source, target, parents) {
  const from = pathTo(source, parents)
  const to = pathTo(target, parents)
  let depth = 0
  while (depth < from.length && depth < to.length && from[depth] === to[depth]) depth++
  const parent = from[depth - 1]
  if (parent === undefined || to[depth] === undefined) return null
  return { parent, from: from[depth] ?? null, to: to[depth] }
}

/** The ids from the root to a state. */
export function pathTo(id, parents) {
  const path = []
  for (let at = id; at !== undefined && at !== null; at = parents.get(at)?.id) path.unshift(at)
  return parents.has(id) ? path : []
}

/** Every state under `node`, it first; `visit(node, parent)`. */
export function walk(node, visit, parent = null) {
  visit(node, parent)
  for (const state of node.states) walk(state, visit, node)
}

/** The ids of the states that a state value makes active. */
export function activeIds(root, value) {
  const active = new Set([root.id])
  const enter = (node, part) => {
    if (typeof part === 'string') part = { [part]: undefined }
    for (const state of node.states) {
      if (part === null || typeof part !== 'object' || !(state.key in part)) continue
      active.add(state.id)
      enter(state, part[state.key])
    }
  }
  enter(root, value)
  return active
}

/** The state value of the state that has this phase, within what is around it; null when none has. */
export function valueOfPhase(node, phase) {
  for (const state of node.states) {
    const inner = valueOfPhase(state, phase)
    if (inner !== null) return { [state.key]: inner }
    if (state.meta['phase'] === phase) return { [state.key]: {} }
  }
  return null
}
