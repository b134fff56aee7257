// A workspace in the hands of a test: its people, its issues and sessions, and what its administrators do with the app.
// The records are those of the twin itself: they change as things happen, and a test only reads them.

import type { AppRegistration } from './app-registration.ts'
import type { Buckets } from './graphql-endpoint.ts'
import { historyOf } from './issue-history.ts'
import { createPerson, type IssueLike, type Person } from './people.ts'
import type { Tokens, TokenPair } from './tokens.ts'
import { addPerson, addTeam, installApp, statesOf, type TeamOptions, type Workspace } from './workspace.ts'
import type {
  ActivityRecord,
  AttachmentRecord,
  CommentRecord,
  IssueRecord,
  ProjectRecord,
  SessionRecord,
  StateRecord,
  TeamRecord,
  UserRecord,
} from './records.ts'

export interface WorkspaceTwin {
  readonly id: string
  readonly name: string
  readonly state: Workspace
  /** The app's own user here; there is none before the app is installed. */
  readonly appUser: UserRecord
  as(person: string): Person
  team(key?: string): TeamRecord
  states(key?: string): StateRecord[]
  addTeam(team: TeamOptions): TeamRecord
  addProject(name: string, ...teamKeys: string[]): ProjectRecord
  /** Installs the app without the walk through OAuth, and answers its tokens. */
  install(options?: { scopes?: string[]; teams?: string[] }): TokenPair
  /** A personal API key. */
  apiKey(person: string): string
  issue(issue: IssueLike): IssueRecord
  issues(): IssueRecord[]
  stateOf(issue: IssueLike): StateRecord
  /** From which column to which it has been moved and by whom, oldest first, as its history says. */
  movesOf(issue: IssueLike): { by: string; from: string; to: string }[]
  labelsOf(issue: IssueLike): string[]
  comments(issue: IssueLike): CommentRecord[]
  attachments(issue: IssueLike): AttachmentRecord[]
  sessions(issue: IssueLike): SessionRecord[]
  activities(session: { id: string }): ActivityRecord[]
  /** An administrator takes the app out of the workspace. */
  revoke(): void
  /** An administrator decides which teams the app may see; undefined for every public one. */
  changeTeamAccess(keys: string[] | undefined): void
  /** Uses up the limit of requests or of complexity, which then refills as it does. */
  exhaust(what: keyof Buckets): void
}

interface Parts {
  workspace: Workspace
  app: AppRegistration
  tokens: Tokens
  buckets(): Buckets
}

export function createWorkspaceTwin({ workspace, app, tokens, buckets }: Parts): WorkspaceTwin {
  const { store } = workspace
  const people = new Map<string, Person>()
  const issueOf = (issue: IssueLike): IssueRecord => store.issue(typeof issue === 'string' ? issue : issue.id)

  function team(key?: string): TeamRecord {
    const found = store.all('Team').find((candidate) => key === undefined || candidate.key === key)
    if (!found) throw new Error(`The workspace ${workspace.name} has no team ${key}.`)
    return found
  }

  function appUser(): UserRecord {
    if (!workspace.app) throw new Error(`The app is not installed in ${workspace.name}.`)
    return workspace.app.user
  }

  const createdAt = (): string => new Date(workspace.timers.now()).toISOString()

  return {
    id: workspace.id,
    name: workspace.name,
    state: workspace,
    get appUser() {
      return appUser()
    },
    as(name) {
      let person = people.get(name)
      if (!person) {
        const user = store.all('User').find((candidate) => !candidate.app && candidate.displayName === name)
        person = createPerson(workspace, user ?? addPerson(workspace, name))
        people.set(name, person)
      }
      return person
    },
    team,
    states: (key) => statesOf(workspace, team(key).id),
    addTeam: (options) => addTeam(workspace, options),
    addProject: (name, ...teamKeys) =>
      store.add('Project', {
        name,
        description: '',
        slugId: name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'),
        teamIds: (teamKeys.length > 0 ? teamKeys : [team().key]).map((key) => team(key).id),
      }),
    install({ scopes = ['read', 'write', 'app:assignable', 'app:mentionable'], teams } = {}) {
      const { user } = installApp(
        workspace,
        app.name,
        scopes,
        teams?.map((key) => team(key).id),
      )
      return tokens.issue({ workspace, user, scopes })
    },
    apiKey(person) {
      return tokens.createKey(workspace, this.as(person).user)
    },
    issue: issueOf,
    issues: () => store.all('Issue'),
    stateOf: (issue) => store.get('WorkflowState', issueOf(issue).stateId),
    movesOf: (issue) =>
      historyOf(issueOf(issue)).flatMap(({ actor, fromState, toState }) =>
        fromState && toState ? [{ by: actor.displayName, from: fromState.name, to: toState.name }] : [],
      ),
    labelsOf: (issue) => issueOf(issue).labelIds.map((id) => store.get('IssueLabel', id).name),
    comments: (issue) => store.by('Comment', 'issueId', issueOf(issue).id),
    attachments: (issue) => store.by('Attachment', 'issueId', issueOf(issue).id),
    sessions: (issue) => store.by('AgentSession', 'issueId', issueOf(issue).id),
    activities: (session) => store.by('AgentActivity', 'agentSessionId', session.id),
    revoke() {
      const user = appUser()
      tokens.revokeAll(workspace)
      workspace.announce({
        type: 'OAuthApp',
        action: 'revoked',
        teamId: undefined,
        appOnly: true,
        body: { createdAt: createdAt(), oauthClientId: app.clientId },
      })
      workspace.app = undefined
      store.change(user, { active: false })
    },
    changeTeamAccess(keys) {
      const { id } = appUser()
      const everyTeam = store.all('Team').map((each) => each.id)
      const before = workspace.app!.teamIds ?? new Set(everyTeam)
      const after = new Set(keys ? keys.map((key) => team(key).id) : everyTeam)
      workspace.app!.teamIds = keys && after
      workspace.announce({
        type: 'PermissionChange',
        action: 'teamAccessChanged',
        teamId: undefined,
        appOnly: true,
        body: {
          createdAt: createdAt(),
          appUserId: id,
          oauthClientId: app.clientId,
          canAccessAllPublicTeams: keys === undefined,
          addedTeamIds: [...after].filter((each) => !before.has(each)),
          removedTeamIds: [...before].filter((each) => !after.has(each)),
        },
      })
    },
    exhaust: (what) => buckets()[what].empty(),
  }
}
