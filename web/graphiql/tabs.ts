// The tabs of a first visit. GraphiQL keeps what becomes of them in the browser's storage, without the headers.

import type { ComponentProps } from 'react'
import type { GraphiQL } from 'graphiql'
import inbox from './tabs/inbox.graphql?raw'
import live from './tabs/live.graphql?raw'
import send from './tabs/send.graphql?raw'
import who from './tabs/who.graphql?raw'

const json = (value: unknown) => JSON.stringify(value, null, 2)

// The people are those of the demo. A tab is called as its operation is. The first one has no variables: GraphiQL 5.4
// does not show those of a first visit.
export const TABS: ComponentProps<typeof GraphiQL>['defaultTabs'] = [
  { query: inbox },
  {
    query: send,
    variables: json({
      input: {
        to: [{ user: { externalId: 'kwame' } }],
        subject: 'Hello from GraphiQL',
        body: 'This is *Markdown*.',
      },
    }),
  },
  { query: live, variables: json({ after: null }) },
  { query: who },
]
