// Doctor: what GitHub knows of the App's webhook. Its address, its secret, what it tells of, and what became of the last deliveries.

import { z } from 'zod'
import type { ProjectConfig } from '../../../config.ts'
import type { CallOptions } from './client.ts'
import { fail, pass, sentenceOf, warn, type GithubFinding } from './finding.ts'
import type { GithubRepositories, GithubSettings } from './repositories.ts'

/** Events that are read; without one of them its news comes with the next poll. */
export const events = [
  'pull_request',
  'pull_request_review',
  'pull_request_review_comment',
  'pull_request_review_thread',
  'issue_comment',
  'check_run',
  'check_suite',
  'status',
  'workflow_run',
  'merge_group',
  'branch_protection_rule',
  'repository_ruleset',
  'repository',
]

const hookSchema = z.object({ url: z.string().nullish(), secret: z.string().nullish() })
const appSchema = z.object({ events: z.array(z.string()).default([]) })
const deliverySchema = z.object({ status: z.string(), status_code: z.int(), delivered_at: z.string() })
type HookDelivery = z.output<typeof deliverySchema>

const what = 'GitHub webhook'
const both =
  "Set forge.webhookSecret and the secret of the webhook in the App's settings to the same, and start the server again: it has what failed delivered once more."

/** What it means that a delivery failed as it did, and what to do; the first that fits. */
const meanings: { fits: (delivery: HookDelivery) => boolean; meaning: string; remedy: string }[] = [
  { fits: ({ status_code: code }) => code === 401, meaning: 'the secrets differ', remedy: both },
  {
    fits: ({ status_code: code, status }) => code === 504 || /timed? ?out/i.test(status),
    meaning: 'the server, or a proxy before it, did not answer in time',
    remedy: 'GitHub waits for ten seconds: look at the proxy, and at the load of the machine (signalbox_backlog in /metrics).',
  },
  {
    fits: ({ status_code: code }) => code === 0 || code === 502,
    meaning: 'the address was not reached, or no server was behind it',
    remedy: 'See that the server runs, and that the address is reached from the internet: its name, firewall, certificate and proxy.',
  },
  {
    fits: ({ status_code: code }) => code >= 300 && code < 400,
    meaning: 'the address leads elsewhere, and GitHub does not follow',
    remedy: 'Set the webhook URL of the App to where it leads.',
  },
  {
    fits: ({ status_code: code }) => code === 403,
    meaning: 'the server is asked by another name than its own, or a proxy lets nobody in',
    remedy: 'Set server.publicUrl to the address that the webhook goes to, and let the proxy pass /webhooks/github on.',
  },
  {
    fits: ({ status_code: code }) => code === 404 || code === 405,
    meaning: 'no Signalbox with this forge is at the address',
    remedy: 'Set the webhook URL of the App to PUBLIC-URL/webhooks/github, and let the proxy pass that path on as it is.',
  },
  {
    fits: ({ status_code: code }) => code === 413,
    meaning: 'they are too large for a proxy on the way',
    remedy: 'Let the proxy pass 25 MiB on.',
  },
  {
    fits: ({ status_code: code }) => code === 400 || code === 415,
    meaning: 'they are not JSON, or a proxy changes them',
    remedy: "Set the content type of the webhook to application/json in the App's settings.",
  },
  {
    fits: ({ status_code: code }) => code === 503,
    meaning: 'the server was stopping, takes no webhooks, or has too many waiting',
    remedy: 'Look for "refused" in `signalbox logs`, and see that the server has forge.webhookSecret and webhooks.',
  },
  {
    fits: ({ status_code: code }) => code >= 500,
    meaning: 'the server failed',
    remedy: 'Look at `signalbox logs`, and at the log of the proxy where there is one.',
  },
  { fits: () => true, meaning: 'they were refused', remedy: "See the recent deliveries in the App's settings, under Advanced." },
]

export async function checkWebhook(
  repositories: GithubRepositories,
  settings: GithubSettings,
  { projects, publicUrl }: { projects: readonly ProjectConfig[]; publicUrl: string | null },
): Promise<GithubFinding[]> {
  if (settings.webhookSecret === null)
    return [fail(what, 'forge.webhookSecret is not set: its route is closed', 'Set it, here and at GitHub, or set webhooks to false.')]
  const wanted = `${publicUrl ?? 'PUBLIC-URL'}/webhooks/github`
  // Whoever speaks with a user's token has its hooks in each repository, where we may not look.
  if (!repositories.isApp) {
    const names = [...new Set(projects.map(({ id }) => repositories.configuredName(id)))].join(', ')
    return [
      warn(
        what,
        'cannot be looked at with a token: neither its address nor its secret nor what became of its deliveries',
        `Look in the settings of ${names}, under Webhooks: it goes to ${wanted} as application/json, with the secret of forge.webhookSecret, and its recent deliveries were taken.`,
      ),
    ]
  }
  const rest = (name: string): CallOptions => ({ what: name })
  try {
    const [{ url, secret }, { events: told }, deliveries] = await Promise.all([
      repositories.app.request('GET /app/hook/config', {}, hookSchema, rest('the webhook of the App')),
      repositories.app.request('GET /app', {}, appSchema, rest('the App itself')),
      repositories.app.pages('GET /app/hook/deliveries', {}, deliverySchema, { ...rest('the deliveries of the App'), most: 1 }),
    ])
    const found = [checkAddress(url ?? '', publicUrl, wanted)]
    // GitHub shows that there is one, and never which.
    if (url && !secret) found.push(fail(what, 'has no secret at GitHub: whatever it sends is refused', both))
    const missing = events.filter((event) => !told.includes(event))
    if (missing.length > 0)
      found.push(
        warn(
          what,
          `the App does not subscribe to ${missing.join(', ')}`,
          'Subscribe to them; until then their news comes with the next poll.',
        ),
      )
    return [...found, ...checkDeliveries(deliveries)]
  } catch (error) {
    return [warn(what, sentenceOf(error), 'Look at the webhook of the App at GitHub.')]
  }
}

function checkAddress(url: string, publicUrl: string | null, wanted: string): GithubFinding {
  if (url === '') return warn(what, 'the App has no address for it', `Set its webhook URL to ${wanted}.`)
  if (publicUrl === null) {
    const origin = URL.canParse(url) ? new URL(url).origin : url
    return warn(
      what,
      `goes to ${url}, and server.publicUrl is not set: what asks for another name than that of this machine is refused`,
      `Set server.publicUrl to ${origin}.`,
    )
  }
  if (url !== wanted) return warn(what, `goes to ${url}, not to ${wanted}`, 'Set the webhook URL of the App, or server.publicUrl.')
  return pass(what, `goes to ${url}`)
}

/** One finding for each way to fail; the newest delivery comes first. */
function checkDeliveries(deliveries: readonly HookDelivery[]): GithubFinding[] {
  const isFailed = ({ status_code: code }: HookDelivery): boolean => code < 200 || code >= 300
  const taken = deliveries.findIndex((delivery) => !isFailed(delivery))
  const kinds = Map.groupBy(deliveries.filter(isFailed), (delivery) => meanings.find(({ fits }) => fits(delivery))!)
  return [...kinds].map(([{ meaning, remedy }, failed]) => {
    const last = failed[0]!
    const isPast = taken !== -1 && taken < deliveries.indexOf(last)
    const message = `${failed.length} of the last ${deliveries.length} deliveries failed with status ${last.status_code} (${last.status}), the last one at ${last.delivered_at}: ${meaning}`
    if (isPast) return warn(what, `${message}; later ones were taken`, remedy)
    return (last.status_code === 401 ? fail : warn)(what, message, remedy)
  })
}
