// Operations on hooks: a repository's own, and the deliveries of both kinds with the button that hands one over again.

import { appOf } from './app-routes.ts'
import { repoApi } from './account-json.ts'
import { created, notFound, ok, page, serve, serveIn, texts } from './routing.ts'
import type { Answer, Call, RepositoryCall } from './routing.ts'
import { Refusal, iso } from './state.ts'
import type { Hook, World } from './state.ts'
import type { Delivery } from './webhooks.ts'

function hookJson(world: World, hook: Hook) {
  const url = `${repoApi(world, hook.repository!)}/hooks/${hook.id}`
  return {
    type: 'Repository',
    id: hook.id,
    name: 'web',
    active: hook.active,
    events: hook.events,
    config: { content_type: 'json', insecure_ssl: '0', url: hook.url, secret: '********' },
    updated_at: iso(hook.createdAt),
    created_at: iso(hook.createdAt),
    url,
    test_url: `${url}/test`,
    ping_url: `${url}/pings`,
    deliveries_url: `${url}/deliveries`,
    last_response: { code: null, status: 'unused', message: null },
  }
}

export function createHook(
  call: { world: World; repository: RepositoryCall['repository'] },
  input: { url: string; secret: string; events: string[] },
): Hook {
  const { world, repository } = call
  const hook: Hook = { id: world.nextId(), app: undefined, repository, ...input, active: true, createdAt: world.clock.now() }
  repository.hooks.set(hook.id, hook)
  // A ping goes to the new hook alone.
  world.webhooks.emit(
    hook,
    'ping',
    undefined,
    { repository },
    { zen: 'Keep it logically awesome.', hook_id: hook.id, hook: hookJson(world, hook) },
  )
  return hook
}

serveIn('GET /repos/{owner}/{repo}/hooks', 'repository_hooks:read', (call) =>
  page(call, [...call.repository.hooks.values()], (hook) => hookJson(call.world, hook)),
)

serveIn('POST /repos/{owner}/{repo}/hooks', 'repository_hooks:write', (call) => {
  const config = (call.body['config'] ?? {}) as Record<string, unknown>
  if (typeof config['url'] !== 'string')
    throw new Refusal(422, 'Validation Failed', [{ resource: 'Hook', code: 'missing_field', field: 'config.url' }])
  const events = call.body['events'] === undefined ? ['push'] : texts(call.body['events'])
  if ([...call.repository.hooks.values()].some((hook) => hook.url === config['url'])) {
    throw new Refusal(422, 'Validation Failed', [{ resource: 'Hook', code: 'custom', message: 'Hook already exists on this repository' }])
  }
  const hook = createHook(call, { url: config['url'], secret: typeof config['secret'] === 'string' ? config['secret'] : '', events })
  return created(hookJson(call.world, hook))
})

function deliveryJson(delivery: Delivery, url: string) {
  const words: Record<Delivery['outcome'], string> = {
    pending: 'Pending',
    delivered: 'OK',
    failed: 'Invalid HTTP Response',
    timeout: 'timed out',
    dropped: 'failed to connect to host',
  }
  return {
    id: delivery.id,
    guid: delivery.guid,
    delivered_at: new Date(delivery.at).toISOString(),
    redelivery: delivery.redelivery,
    duration: delivery.duration,
    status: words[delivery.outcome],
    status_code: delivery.statusCode,
    event: delivery.event,
    action: delivery.action ?? null,
    installation_id: delivery.installationId ?? null,
    repository_id: delivery.repository?.id ?? null,
    throttled_at: null,
    url,
  }
}

/** A page of deliveries, the newest first; the cursor is the id of the first one of the page. */
function deliveryPage(call: Call, hook: Hook): Answer {
  const size = Math.min(100, Math.max(1, Number(call.query.get('per_page') ?? 30) || 30))
  const cursor = Number(call.query.get('cursor') ?? Infinity)
  const { deliveries } = call.world.webhooks
  const found: Delivery[] = []
  const status = call.query.get('status')
  for (let index = deliveries.length - 1; index >= 0 && found.length <= size; index--) {
    const delivery = deliveries[index]!
    // One that is still under way is not listed yet.
    if (delivery.hook !== hook || delivery.id > cursor || delivery.outcome === 'pending') continue
    if (status !== null && (status === 'success') !== (delivery.outcome === 'delivered')) continue
    found.push(delivery)
  }
  const body = found.slice(0, size).map((delivery) => deliveryJson(delivery, hook.url))
  if (found.length <= size) return { status: 200, body }
  const next = new URL(call.url)
  next.searchParams.set('cursor', String(found[size]!.id))
  return { status: 200, body, headers: { Link: `<${next.href}>; rel="next"` } }
}

function deliveryOf(call: Call, hook: Hook): Delivery {
  const id = Number(call.params['delivery_id'])
  const delivery = call.world.webhooks.deliveries.find((each) => each.id === id && each.hook === hook)
  if (delivery === undefined) throw notFound()
  return delivery
}

const wholeJson = (delivery: Delivery, hook: Hook) => ({
  ...deliveryJson(delivery, hook.url),
  request: { headers: delivery.headers, payload: delivery.payload },
  response: { headers: delivery.responseHeaders, payload: delivery.responseBody },
})

const again = (call: Call, hook: Hook): Answer => {
  call.world.webhooks.redeliver(deliveryOf(call, hook))
  return { status: 202, body: {} }
}

function appHook(call: Call): Hook {
  const { hook } = appOf(call)
  if (hook === undefined) throw notFound()
  return hook
}

serve('GET /app/hook/config', (call) => {
  const hook = appHook(call)
  const { url, secret } = hook
  return ok({ content_type: 'json', insecure_ssl: '0', ...(secret === '' ? {} : { secret: '********' }), ...(url === '' ? {} : { url }) })
})
serve('GET /app/hook/deliveries', (call) => deliveryPage(call, appHook(call)))
serve('GET /app/hook/deliveries/{delivery_id}', (call) => {
  const hook = appHook(call)
  return ok(wholeJson(deliveryOf(call, hook), hook))
})
serve('POST /app/hook/deliveries/{delivery_id}/attempts', (call) => again(call, appHook(call)))

function repositoryHook(call: RepositoryCall): Hook {
  const hook = call.repository.hooks.get(Number(call.params['hook_id']))
  if (hook === undefined) throw notFound()
  return hook
}

serveIn('GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries', 'repository_hooks:read', (call) => deliveryPage(call, repositoryHook(call)))
serveIn('GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}', 'repository_hooks:read', (call) => {
  const hook = repositoryHook(call)
  return ok(wholeJson(deliveryOf(call, hook), hook))
})
serveIn('POST /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts', 'repository_hooks:write', (call) =>
  again(call, repositoryHook(call)),
)
