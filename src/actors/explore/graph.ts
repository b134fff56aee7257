// Strongly connected components of a graph that is given as two lists of ends.

/** The component of each node; nodes are numbered from 0. Tarjan's algorithm without recursion: explorations are deep. */
export function componentsOf(nodes: number, from: readonly number[], to: readonly number[]): Int32Array {
  // The edges of each node, one after the other.
  const first = new Int32Array(nodes + 1)
  for (const node of from) first[node + 1]!++
  for (let node = 0; node < nodes; node++) first[node + 1]! += first[node]!
  const next = first.slice(0, nodes)
  const targets = new Int32Array(from.length)
  from.forEach((node, edge) => (targets[next[node]!++] = to[edge]!))

  const component = new Int32Array(nodes).fill(-1)
  const index = new Int32Array(nodes).fill(-1)
  const low = new Int32Array(nodes)
  const cursor = first.slice(0, nodes)
  const stack: number[] = []
  const path: number[] = []
  let count = 0
  let components = 0
  for (let root = 0; root < nodes; root++) {
    if (index[root] !== -1) continue
    path.push(root)
    while (path.length > 0) {
      const node = path.at(-1)!
      if (index[node] === -1) {
        index[node] = low[node] = count++
        stack.push(node)
      }
      if (cursor[node]! < first[node + 1]!) {
        const target = targets[cursor[node]!++]!
        if (index[target] === -1) path.push(target)
        else if (component[target] === -1) low[node] = Math.min(low[node]!, index[target]!)
        continue
      }
      path.pop()
      const parent = path.at(-1)
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!)
      if (low[node] !== index[node]) continue
      for (let member = -1; member !== node;) {
        member = stack.pop()!
        component[member] = components
      }
      components++
    }
  }
  return component
}
