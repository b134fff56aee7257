// Puts the twin together: workspaces, app, server, webhooks and faults, on the clock that it was given.

import { randomUUID } from 'node:crypto'
import { registerApp, type AppRegistration } from './app-registration.ts'
import { realClock, type Clock } from '../clock.ts'
import { Faults } from '../faults.ts'
import { createDeliveries, type Delivery, type WebhookControls } from './deliveries.ts'
import type { TwinRequest } from './faults.ts'
import { createTimers } from './timers.ts'
import type { Buckets } from './graphql-endpoint.ts'
import { createBucket, usualLimits, type Limits } from './limits.ts'
import { createOAuth, type OAuth } from './oauth.ts'
import { createTwinServer, type LoggedRequest } from './server.ts'
import { createTokens } from './tokens.ts'
import { canSeeTeam, createWorkspace, type Announcement, type Workspace, type WorkspaceOptions } from './workspace.ts'
import { createWorkspaceTwin, type WorkspaceTwin } from './workspace-twin.ts'

export interface LinearTwinOptions {
  clock?: Clock
  /** The workspaces; one named acme when left out. */
  workspaces?: WorkspaceOptions[]
  /** Teams and people of the one workspace acme. */
  teams?: WorkspaceOptions['teams']
  people?: string[]
  app?: Partial<AppRegistration>
  limits?: Partial<Limits>
  /** Milliseconds that a used refresh token still answers the pair it has answered. */
  refreshGrace?: number
  /** The port; any free one when left out. */
  port?: number
}

export interface ApproveOptions {
  /** The workspace that the person chooses; the first when left out. */
  workspace?: string
  person?: string
  /** The keys of the teams that the app is let into; every public one when left out. */
  teams?: string[]
  deny?: boolean
}

export interface LinearTwin {
  /** The address of the server, which is that of the API, of OAuth and of the uploads. */
  readonly url: string
  /** For `new LinearClient({ apiUrl })`. */
  readonly apiUrl: string
  /** The app as it is registered; a test may set where its webhooks go. */
  readonly app: AppRegistration
  workspace(name?: string): WorkspaceTwin
  /** Does with the page of `/oauth/authorize` what a person does, and answers the address it leads back to. */
  readonly oauth: { approve(url: string, options?: ApproveOptions): Promise<string> }
  readonly webhooks: WebhookControls
  readonly deliveries: Delivery[]
  readonly faults: Pick<Faults<TwinRequest>, 'add' | 'clear' | 'pending'>
  readonly requests: LoggedRequest[]
  /** What the twin itself has done wrong or does not know; `close` throws when there is anything. */
  readonly problems: string[]
  /** Milliseconds before each answer, by the twin's clock. */
  latency: number
  /** Resolves when no webhook is on its way. */
  idle(): Promise<void>
  close(): Promise<void>
}

export async function createLinearTwin(options: LinearTwinOptions = {}): Promise<LinearTwin> {
  const timers = createTimers(options.clock ?? realClock)
  const problems: string[] = []
  const report = (problem: string): void => void problems.push(problem)
  const app = registerApp(options.app)
  const appWebhookId = randomUUID()
  const tokens = createTokens(timers, options.refreshGrace ?? 30 * 60_000)
  const deliveries = createDeliveries(timers, report)
  const faults = new Faults<TwinRequest>()
  const requests: LoggedRequest[] = []
  const oauth: OAuth = createOAuth(app, tokens, timers)
  const limits = { ...usualLimits, ...options.limits }
  const buckets = new Map<Workspace, Buckets>()
  const workspaces = new Map<string, WorkspaceTwin>()
  let latency = 0

  function bucketsOf(workspace: Workspace): Buckets {
    let found = buckets.get(workspace)
    if (!found) {
      found = { requests: createBucket(limits.requests, timers.now), complexity: createBucket(limits.complexity, timers.now) }
      buckets.set(workspace, found)
    }
    return found
  }

  function announce(workspace: Workspace, { type, action, body, teamId, appOnly }: Announcement): void {
    const send = (webhookId: string, url: string, secret: string): void =>
      deliveries.send({
        workspace: workspace.name,
        url,
        secret,
        body: { action, type, ...body, organizationId: workspace.id, webhookId },
      })
    const wanted = appOnly || app.resourceTypes === undefined || app.resourceTypes.includes(type)
    if (workspace.app && app.webhookUrl && wanted && canSeeTeam(workspace.app, teamId)) {
      send(appWebhookId, app.webhookUrl, app.webhookSecret)
    }
    if (appOnly) return
    for (const webhook of workspace.store.all('Webhook')) {
      const concerned = webhook.allPublicTeams || teamId === undefined || webhook.teamId === teamId
      if (webhook.enabled && concerned && webhook.resourceTypes.includes(type)) send(webhook.id, webhook.url, webhook.secret)
    }
  }

  const server = createTwinServer(() => ({
    timers,
    tokens,
    oauth,
    faults,
    requests,
    latency: () => latency,
    bucketsOf: (viewer) => bucketsOf(viewer.workspace),
    revoked(token) {
      const grant = tokens.revoke(token)
      if (grant?.user.app) workspaces.get(grant.workspace.name)!.revoke()
      return grant !== undefined
    },
    report,
  }))
  await server.listen(options.port ?? 0)

  const { teams, people } = options
  const described = options.workspaces ?? [{ name: 'acme', ...(teams && { teams }), ...(people && { people }) }]
  for (const each of described) {
    const workspace = createWorkspace(each, { url: server.url, clientId: app.clientId, timers, announce })
    workspaces.set(each.name, createWorkspaceTwin({ workspace, app, tokens, buckets: () => bucketsOf(workspace) }))
  }

  function workspaceTwin(name: string = described[0]!.name): WorkspaceTwin {
    const found = workspaces.get(name)
    if (!found) throw new Error(`There is no workspace ${name}: there are ${[...workspaces.keys()].join(', ')}.`)
    return found
  }

  return {
    url: server.url,
    apiUrl: `${server.url}/graphql`,
    app,
    workspace: workspaceTwin,
    oauth: {
      async approve(url, { workspace: name, person = 'alice', teams: keys, deny } = {}) {
        const page = await fetch(url)
        if (page.status !== 200) throw new Error(`Linear's page refuses: ${await page.text()}`)
        await page.arrayBuffer()
        const chosen = workspaceTwin(name)
        return oauth.decide(new URL(url).searchParams, {
          workspace: chosen.state,
          user: chosen.as(person).user,
          teamIds: keys?.map((key) => chosen.team(key).id),
          deny,
        })
      },
    },
    webhooks: deliveries.controls,
    deliveries: deliveries.log,
    faults,
    requests,
    problems,
    get latency() {
      return latency
    },
    set latency(ms) {
      latency = ms
    },
    idle: deliveries.idle,
    async close() {
      await server.close()
      timers.close()
      await deliveries.close()
      if (problems.length > 0) throw new Error(`The Linear twin is not what it claims to be:\n${problems.join('\n')}`)
    },
  }
}
