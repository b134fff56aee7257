// One workspace of Linear: its people and teams, the app where it is installed, and the announcing of what happens.

import { randomUUID } from 'node:crypto'
import type { Timers } from './timers.ts'
import { createStore, type Store } from './store.ts'
import type { LabelRecord, StateRecord, StateType, TeamRecord, UserRecord } from './records.ts'

/** Something that has happened, before it is addressed to the webhooks that want to hear of it. */
export interface Announcement {
  type: string
  action: string
  /** The fields of the body that belong to its type. */
  body: Record<string, unknown>
  /** The team it concerns; undefined for what concerns the workspace. */
  teamId: string | undefined
  /** Sent to the app alone and not to the webhooks of the workspace. */
  appOnly?: boolean
}

/** Our app in this workspace, with an app user of its own. */
export interface Installation {
  user: UserRecord
  scopes: Set<string>
  /** The teams that it may see; undefined for every public team. */
  teamIds: Set<string> | undefined
}

export interface GuidanceRule {
  body: string
  /** The key of the team that has given the rule; the workspace when there is none. */
  team?: string
}

export interface Workspace {
  id: string
  name: string
  urlKey: string
  createdAt: string
  clientId: string
  /** Its pages on the web. */
  url: string
  /** Where files are put. */
  uploads: string
  store: Store
  timers: Timers
  app: Installation | undefined
  guidance: GuidanceRule[]
  /** The status of every project: what is planned. */
  plannedId: string
  announce(what: Announcement): void
}

export interface TeamOptions {
  key: string
  name?: string
  /** Its columns, in order; Linear's usual ones when left out. */
  states?: { name: string; type: StateType }[]
  labels?: string[]
}

export interface WorkspaceOptions {
  name: string
  teams?: TeamOptions[]
  people?: string[]
  /** Labels of the whole workspace. */
  labels?: string[]
  guidance?: GuidanceRule[]
}

const usualStates: { name: string; type: StateType }[] = [
  { name: 'Backlog', type: 'backlog' },
  { name: 'Todo', type: 'unstarted' },
  { name: 'In Progress', type: 'started' },
  { name: 'In Review', type: 'started' },
  { name: 'Done', type: 'completed' },
  { name: 'Canceled', type: 'canceled' },
  { name: 'Duplicate', type: 'canceled' },
]

const colors: Record<StateType, string> = {
  triage: '#fc7840',
  backlog: '#bec2c8',
  unstarted: '#e2e2e2',
  started: '#f2c94c',
  completed: '#5e6ad2',
  canceled: '#95a2b3',
}

interface Surroundings {
  url: string
  clientId: string
  timers: Timers
  announce(workspace: Workspace, what: Announcement): void
}

export function createWorkspace(options: WorkspaceOptions, around: Surroundings): Workspace {
  const urlKey = options.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  const workspace: Workspace = {
    id: randomUUID(),
    name: options.name,
    urlKey,
    createdAt: new Date(around.timers.now()).toISOString(),
    clientId: around.clientId,
    url: `${around.url}/${urlKey}`,
    uploads: `${around.url}/uploads`,
    store: createStore(around.timers.now),
    timers: around.timers,
    app: undefined,
    guidance: options.guidance ?? [],
    plannedId: randomUUID(),
    announce: (what) => around.announce(workspace, what),
  }
  for (const name of options.people ?? ['alice', 'bob']) addPerson(workspace, name)
  for (const team of options.teams ?? [{ key: 'ENG', name: 'Engineering' }]) addTeam(workspace, team)
  for (const name of options.labels ?? []) addLabel(workspace, name, null)
  return workspace
}

export function addPerson(workspace: Workspace, name: string): UserRecord {
  return workspace.store.add('User', {
    name: name[0]!.toUpperCase() + name.slice(1),
    displayName: name,
    email: `${name}@${workspace.urlKey}.example`,
    app: false,
    active: true,
    admin: name === 'alice',
  })
}

export function addTeam(workspace: Workspace, { key, name = key, states = usualStates, labels = [] }: TeamOptions): TeamRecord {
  const { store } = workspace
  const team = store.add('Team', {
    name,
    displayName: name,
    key,
    private: false,
    memberIds: store.all('User').map((user) => user.id),
    issueCount: 0,
  })
  for (const [position, state] of states.entries()) {
    store.add('WorkflowState', { ...state, position: position * 1000, color: colors[state.type], teamId: team.id })
  }
  for (const label of labels) addLabel(workspace, label, team.id)
  return team
}

export function addLabel(workspace: Workspace, name: string, teamId: string | null): LabelRecord {
  return workspace.store.add('IssueLabel', {
    name,
    color: '#4ea7fc',
    description: null,
    isGroup: false,
    parentId: null,
    teamId,
    creatorId: null,
  })
}

/** The app gets its user in this workspace; another installation of it finds the one that is there. */
export function installApp(workspace: Workspace, name: string, scopes: Iterable<string>, teamIds?: Iterable<string>): Installation {
  const displayName = name.toLowerCase().replaceAll(/\s+/g, '-')
  const user =
    workspace.store.all('User').find((candidate) => candidate.app && candidate.displayName === displayName) ??
    workspace.store.add('User', {
      name,
      displayName,
      email: `${randomUUID()}@oauthapp.linear.example`,
      app: true,
      active: true,
      admin: false,
    })
  workspace.store.change(user, { active: true })
  workspace.app = { user, scopes: new Set(scopes), teamIds: teamIds && new Set(teamIds) }
  return workspace.app
}

/** The columns of a team in the order in which they are shown. */
export function statesOf(workspace: Workspace, teamId: string): StateRecord[] {
  return workspace.store.by('WorkflowState', 'teamId', teamId).sort((a, b) => a.position - b.position)
}

export const canSeeTeam = (app: Installation | undefined, teamId: string | undefined): boolean =>
  teamId === undefined || app?.teamIds === undefined || app.teamIds.has(teamId)

/** The place of a thing on the web. */
export function issueUrl(workspace: Workspace, identifier: string, title: string): string {
  const slug = title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  return `${workspace.url}/issue/${identifier}${slug ? `/${slug}` : ''}`
}
