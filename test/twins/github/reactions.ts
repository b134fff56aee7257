// Reactions to comments, of which each user has one of a kind.

import { accountJson } from './account-json.ts'
import { text } from './routing.ts'
import type { Answer, RepositoryCall } from './routing.ts'
import { Refusal, iso } from './state.ts'
import type { Reaction } from './state.ts'

const REACTIONS = ['+1', '-1', 'laugh', 'confused', 'heart', 'hooray', 'rocket', 'eyes']

export function react(call: RepositoryCall, { reactions }: { reactions: Reaction[] }): Answer {
  const { world } = call
  const content = text(call, 'content', 'Reaction')
  if (!REACTIONS.includes(content))
    throw new Refusal(422, 'Validation Failed', [{ resource: 'Reaction', code: 'invalid', field: 'content' }])
  const user = call.actor()
  const known = reactions.find((reaction) => reaction.user === user && reaction.content === content)
  const reaction = known ?? { id: world.nextId(), user, content, at: world.clock.now() }
  if (known === undefined) reactions.push(reaction)
  return {
    // The same reaction again is the one that is there.
    status: known === undefined ? 201 : 200,
    body: { id: reaction.id, node_id: `REA_${reaction.id}`, user: accountJson(world, user), content, created_at: iso(reaction.at) },
  }
}
