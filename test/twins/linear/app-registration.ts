// The app as it is registered with Linear: who it says it is, where people come back to, and where its webhooks go.

import { randomBytes } from 'node:crypto'

export interface AppRegistration {
  clientId: string
  clientSecret: string
  name: string
  redirectUris: string[]
  /** Where Linear sends the app's webhooks; nowhere until it is set. */
  webhookUrl: string | undefined
  webhookSecret: string
  /** What is sent beside what every agent gets; all of it when left out. */
  resourceTypes: string[] | undefined
}

export const registerApp = (given: Partial<AppRegistration> = {}): AppRegistration => ({
  clientId: randomBytes(16).toString('hex'),
  clientSecret: randomBytes(16).toString('hex'),
  name: 'Signalbox',
  redirectUris: ['http://127.0.0.1/oauth/linear/callback'],
  webhookUrl: undefined,
  webhookSecret: `lin_wh_${randomBytes(24).toString('base64url')}`,
  resourceTypes: undefined,
  ...given,
})
