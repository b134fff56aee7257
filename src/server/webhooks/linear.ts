// Linear's webhooks: https://linear.app/developers/webhooks#securing-webhooks

import { z } from 'zod'
import { RequestError } from '../errors.ts'
import { type Door, headerOf, invalidSignature, signatureOf } from './routes.ts'

const stamped = z.object({ webhookTimestamp: z.number() })

export const linearDoor: Door = {
  provider: 'linear',
  name: 'Linear',
  remedies: {
    'invalid-signature':
      'tracker.webhookSecret is not the signing secret of the webhook at Linear, or somebody else has posted this. Compare it with the one in the settings of the OAuth application there, under Webhooks, and start the server again.',
    'missing-signature': 'Linear signs all of its own: somebody else has posted this, or a proxy on the way takes headers away.',
    'stale-delivery':
      'Set the clock of this machine, for example with NTP. Where it is right, a proxy has held the delivery back, or somebody has sent an old one again.',
    'webhook-disabled': 'Set tracker.webhookSecret and webhooks, or switch the webhook off at Linear.',
  },
  headersOf: (request) => ({
    id: headerOf(request, 'linear-delivery'),
    event: headerOf(request, 'linear-event'),
    signature: signatureOf(request, 'linear-signature'),
  }),
  async createCheck(secret) {
    const { LinearWebhookClient } = await import('@linear/sdk/webhooks')
    const client = new LinearWebhookClient(secret)
    return async (body, signature) => {
      try {
        client.verify(body, signature.toLowerCase())
        return JSON.parse(body.toString('utf8')) as unknown
      } catch (error) {
        throw toRefusal(error, body)
      }
    }
  },
}

/** The helper says by its words alone what is wrong: the signature before anything that is in the body. */
function toRefusal(error: unknown, body: Buffer): RequestError {
  const words = (error as Error).message
  if (words === 'Invalid webhook signature') return invalidSignature(error)
  if (error instanceof SyntaxError) return new RequestError(400, 'invalid-json', 'The body is not JSON.', { cause: error })
  if (words === 'Invalid webhook timestamp' && stamped.safeParse(JSON.parse(body.toString('utf8'))).success)
    return new RequestError(
      401,
      'stale-delivery',
      'The delivery was sent more than 60 s ago or before: a replay, or a clock that is wrong.',
      {
        cause: error,
      },
    )
  return new RequestError(400, 'invalid-timestamp', 'The body has no webhookTimestamp in milliseconds.', { cause: error })
}
