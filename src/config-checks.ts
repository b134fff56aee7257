// What the schema of the configuration cannot say: how its keys have to fit together.

import { isAbsolute } from 'node:path'
import type { z } from 'zod'
import type { KeyPath, Problem } from './config-problems.ts'
import type { configSchema } from './config-schema.ts'
import { suggest } from './errors.ts'

type Parsed = z.output<typeof configSchema>

/** What one key alone cannot tell: names that nobody has, pairs that belong together, two of what there may be one. */
export function crossCheck(parsed: Parsed): Problem[] {
  const problems: Problem[] = []
  const agents = Object.keys(parsed.agents)
  const refer = (path: KeyPath, name: string): void => {
    if (agents.includes(name)) return
    const near = suggest(name, agents)
    problems.push({ path, message: `"${name}" is not one of \`agents\` (${agents.join(', ')})${near ? `; did you mean "${near}"?` : ''}` })
  }
  for (const [name, { failover }] of Object.entries(parsed.agents)) {
    if (failover === null) continue
    const path = ['agents', name, 'failover']
    refer(path, failover)
    const chain = [name]
    const follower = (agent: string): string | null => parsed.agents[agent]?.failover ?? null
    for (let next = follower(name); next !== null && !chain.includes(next); next = follower(next)) chain.push(next)
    // A ring that does not lead through this one is said of those that are in it.
    if (follower(chain.at(-1)!) === name)
      problems.push({ path, message: `leads back to "${name}" (${[...chain, name].join(' → ')}): one of them has to be the last` })
  }
  if (agents.length === 0) problems.push({ path: ['agents'], message: 'names no agent; at least one is needed' })
  const ids = new Map<string, number>()
  parsed.projects.forEach((project, index) => {
    if (project.agent !== undefined) refer(['projects', index, 'agent'], project.agent)
    else if (agents.length > 1) {
      problems.push({ path: ['projects', index, 'agent'], message: `is missing; there are several agents: ${agents.join(', ')}` })
    }
    for (const [type, name] of Object.entries(project.agents)) refer(['projects', index, 'agents', type], name)
    // Keys of issues are the id in capitals, so ids that differ in case alone would share them.
    const other = ids.get(project.id.toUpperCase())
    if (other !== undefined) problems.push({ path: ['projects', index, 'id'], message: `is the id of projects[${other}] as well` })
    else ids.set(project.id.toUpperCase(), index)
  })
  if (parsed.notify !== null && (parsed.notify.command === undefined) === (parsed.notify.url === undefined))
    problems.push({ path: ['notify'], message: 'needs either `command` or `url`' })
  problems.push(...checkForge(parsed), ...checkRouting(parsed))
  if (parsed.store.path !== undefined && !isAbsolute(parsed.store.path))
    problems.push({ path: ['store', 'path'], message: 'is not a path' })
  return problems
}

function checkForge({ forge, projects }: Parsed): Problem[] {
  if (forge.kind !== 'github') return []
  const problems: Problem[] = []
  const { appId, privateKey, token } = forge
  if ((appId === null) !== (privateKey === null))
    problems.push({
      path: ['forge', appId === null ? 'appId' : 'privateKey'],
      message: 'is missing: an App has both an id and a private key',
    })
  else if (appId === null && token === null)
    problems.push({ path: ['forge', 'token'], message: 'is missing, or `appId` with `privateKey`' })
  const repos = new Map<string, number>()
  projects.forEach(({ repo }, index) => {
    const path = ['projects', index, 'repo']
    if (!/^[A-Za-z0-9](-?[A-Za-z0-9])*\/[A-Za-z0-9._-]+$/.test(repo))
      problems.push({ path, message: `"${repo}" is not owner/name, as GitHub writes it` })
    // What GitHub tells names the repository alone.
    const other = repos.get(repo.toLowerCase())
    if (other !== undefined) problems.push({ path, message: `is the repository of projects[${other}] as well` })
    else repos.set(repo.toLowerCase(), index)
  })
  return problems
}

/** An issue has to go to one project: what two of them take has to be told apart by something narrower. */
function checkRouting({ tracker, projects }: Parsed): Problem[] {
  if (tracker.kind !== 'linear') return []
  const problems: Problem[] = []
  projects.forEach((project, index) => {
    for (const [other, earlier] of projects.slice(0, index).entries()) {
      const shared = (key: 'projects' | 'teams' | 'labels') => project.tracker[key].find((name) => earlier.tracker[key].includes(name))
      const inProject = shared('projects')
      if (inProject !== undefined)
        problems.push({ path: ['projects', index, 'tracker', 'projects'], message: `"${inProject}" is in projects[${other}] as well` })
      const team = shared('teams')
      const isNarrower = ({ tracker: { projects: names, labels } }: Parsed['projects'][number]) => names.length + labels.length > 0
      if (team !== undefined && !isNarrower(project) && !isNarrower(earlier))
        problems.push({
          path: ['projects', index, 'tracker', 'teams'],
          message: `"${team}" is a team of projects[${other}] as well: give one of them \`tracker.projects\` or \`tracker.labels\``,
        })
    }
  })
  return problems
}
