// Every call that reaches the twins: counted by what it is for, and failed where a test draws it.

import { parse } from 'graphql'
import type { BothWorld } from './both.ts'

/** How often each operation was called, such as `linear SignalboxIssue` or `github POST /repos/{owner}/{repo}/pulls`. */
export type Calls = Map<string, number>

/** Numbers in [0, 1) that are the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x80000000
  }
}

/** Whether a call is one of the work: tokens are asked for whenever they have ended. */
export const isCounted = (path: string): boolean => !path.startsWith('/oauth')

/** A query of GitHub's by its root fields: it has no name, and aliases that differ from call to call. */
function graphqlName(body: string): string {
  const { query } = JSON.parse(body) as { query: string }
  const names = new Set<string>()
  for (const definition of parse(query).definitions) {
    if (definition.kind !== 'OperationDefinition') continue
    for (const root of definition.selectionSet.selections) {
      if (root.kind !== 'Field') continue
      const parts = root.name.value === 'repository' ? (root.selectionSet?.selections ?? []) : []
      names.add(
        [root, ...parts]
          .flatMap((part) => (part.kind === 'Field' ? part.name.value : []))
          .filter(isFirst)
          .join(' '),
      )
    }
  }
  return [...names].join(', ')
}
const isFirst = (name: string, index: number, all: string[]): boolean => all.indexOf(name) === index

/** Calls `on` with every call of both services but those of OAuth, before it is answered; it comes before faults that are added later. */
export function watchCalls({ github, linear }: Pick<BothWorld, 'github' | 'linear'>, on: (name: string) => void): void {
  linear.faults.add({
    status: 500,
    match({ path, operation, fields }) {
      if (isCounted(path)) on(`linear ${operation ?? (fields.join(' ') || path)}`)
      return false
    },
  })
  github.faults.add({
    status: 500,
    match({ method, route, body }) {
      on(
        `github ${route === '/graphql' ? `query ${graphqlName(body)}` : route.startsWith('git-') ? `${method} ${route}` : `${method} ${route}`}`,
      )
      return false
    },
  })
}
