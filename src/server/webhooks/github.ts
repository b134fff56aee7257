// GitHub's webhooks: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries

import { RequestError } from '../errors.ts'
import { type Door, headerOf, invalidSignature, signatureOf } from './routes.ts'

export const githubDoor: Door = {
  provider: 'github',
  name: 'GitHub',
  remedies: {
    'invalid-signature':
      'forge.webhookSecret is not the secret of the webhook at GitHub, or somebody else has posted this. Set both to the same, there in the settings of the App (with a token: of the repository, under Webhooks), and start the server again.',
    'missing-signature':
      'Set the secret of the webhook at GitHub to that of forge.webhookSecret, in the settings of the App (with a token: of the repository, under Webhooks). Where it is set, somebody else has posted this.',
    'invalid-json': 'Set the content type of the webhook at GitHub to application/json.',
    'unsupported-media-type': 'Set the content type of the webhook at GitHub to application/json.',
    'webhook-disabled': 'Set forge.webhookSecret and webhooks, or switch the webhook off at GitHub.',
  },
  headersOf: (request) => ({
    id: headerOf(request, 'x-github-delivery'),
    event: headerOf(request, 'x-github-event'),
    signature: signatureOf(request, 'x-hub-signature-256'),
  }),
  async createCheck(secret) {
    const { Webhooks } = await import('@octokit/webhooks')
    const webhooks = new Webhooks({ secret })
    return async (body, signature) => {
      const text = body.toString('utf8')
      const isRight = await webhooks.verify(text, signature).catch((error: unknown) => {
        throw invalidSignature(error)
      })
      // GitHub gives no time: its name of the delivery is what a replay is known by.
      if (!isRight) throw invalidSignature()
      return parse(text)
    }
  },
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new RequestError(400, 'invalid-json', 'The body is not JSON: set the content type of the webhook to application/json.', { cause })
  }
}
