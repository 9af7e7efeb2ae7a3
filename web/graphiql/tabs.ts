// The tabs of a first visit. GraphiQL keeps what becomes of them in the browser's storage, without the headers.

import type { ComponentProps } from 'react'
import type { GraphiQL } from 'graphiql'
import follow from './tabs/follow.graphql?raw'
import inbox from './tabs/inbox.graphql?raw'
import live from './tabs/live.graphql?raw'
import notify from './tabs/notify.graphql?raw'
import people from './tabs/people.graphql?raw'
import plan from './tabs/plan.graphql?raw'
import send from './tabs/send.graphql?raw'
import threads from './tabs/threads.graphql?raw'
import tidy from './tabs/tidy.graphql?raw'
import who from './tabs/who.graphql?raw'
import why from './tabs/why.graphql?raw'

const json = (value: unknown) => JSON.stringify(value, null, 2)

const HOUR = 3_600_000

// The people and things are those of the demo. A tab is called as its operation is. The first one has no variables: GraphiQL
// 5.4 does not show those of a first visit.
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
  { query: threads, variables: json({ filter: { view: 'ARCHIVED', kinds: ['MESSAGE'] } }) },
  {
    query: tidy,
    variables: json({ filter: { categories: ['discussion'] }, undo: false, cursor: '' }),
  },
  {
    query: plan,
    variables: json({
      input: {
        to: [{ group: { externalId: 'atlas' } }],
        subject: 'The day after',
        body: 'How did it go?',
        sendAt: new Date(Date.now() + 24 * HOUR).toISOString(),
      },
    }),
  },
  {
    query: notify,
    variables: json({
      message: {
        to: [{ user: { externalId: 'kwame' } }],
        subject: 'Your invoice is ready',
        body: 'Due in **14 days**.',
        category: 'finance',
        url: '/invoices/7',
        actions: [{ label: 'Pay', url: '/invoices/7/pay', isMain: true }],
        data: { invoice: 7, cents: 4200 },
      },
      activities: {
        activities: [
          {
            actor: { externalId: 'tomasz' },
            action: 'comment',
            target: {
              type: 'post',
              externalId: 'closed-door',
              title: 'What visitors ask when the door is closed',
              url: '/posts/closed-door',
              owner: { externalId: 'kwame' },
            },
            data: { preview: 'Who answers *the door*?' },
          },
        ],
      },
      announcement: {
        title: 'Cake in the kitchen',
        body: 'As long as there is some.',
      },
    }),
  },
  {
    query: follow,
    variables: json({
      target: { type: 'post', externalId: 'one-queue' },
      reason: 'like_post',
      stop: false,
      settings: [{ action: 'like', enabled: true }],
    }),
  },
  { query: why, variables: json({ activityId: 'act_16' }) },
  { query: people, variables: json({ search: 'o' }) },
  { query: who },
]
