// What an application writes with the types that graphql-codegen makes. A line that TypeScript is
// to refuse has a comment that says so, and is an error if it does not.

import type {
  DocumentsInboxQuery,
  DocumentsReadAllMutationVariables,
  DocumentsReadStatsQuery,
} from './types';

/** The unread items of a page, by category, with what the reader can do. */
export function unread({ viewer }: DocumentsInboxQuery) {
  const items = viewer?.inbox?.items;
  // @ts-expect-error A page that failed is null, beside counts that did not.
  items.nodes;
  const counts = viewer?.inbox?.counts.unreadByCategory ?? [];
  const nodes = (items?.nodes ?? []).filter(({ readAt }) => readAt === null);
  return counts.map(({ category, count }) => ({
    category,
    count,
    links: nodes
      .filter((item) => item.category === category)
      .flatMap(({ actions }) => actions.map(({ label, url }) => `${label}: ${url}`)),
  }));
}

/** An item's sender, and how many more of its thread are unread. */
export function aside(items: NonNullable<NonNullable<DocumentsInboxQuery['viewer']>['inbox']>['items']) {
  return items?.nodes.map(({ about, thread }) => {
    const sender = about?.__typename === 'Message' ? about.sender?.name : undefined;
    // @ts-expect-error Only a message has a sender.
    about?.sender;
    // @ts-expect-error Only an item of a message has a thread.
    thread.unreadCount;
    return `${sender ?? 'the system'}, ${thread?.unreadCount ?? 0} unread`;
  });
}

/** Somebody else's announcement has no statistics, and a total may not be counted. */
export function rate({ announcement }: DocumentsReadStatsQuery, { viewer }: DocumentsInboxQuery) {
  // @ts-expect-error
  announcement?.readStats.readRate;
  // @ts-expect-error
  const total: number = viewer?.inbox?.items?.totalCount ?? null;
  return [announcement?.readStats?.readRate ?? 0, total];
}

export const wholeThread: DocumentsReadAllMutationVariables = { filter: { thread: 'msg_1' } };
export const finance: DocumentsReadAllMutationVariables = {
  filter: { view: 'UNREAD', categories: ['finance'], kinds: ['MESSAGE'] },
};
// @ts-expect-error There is no such view.
export const wrong: DocumentsReadAllMutationVariables = { filter: { view: 'MUTED' } };
