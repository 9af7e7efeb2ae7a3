// The first page of an inbox, kept up to date by `inboxUpdated`.

const byUpdatedAt = (one, other) => Date.parse(other.updatedAt) - Date.parse(one.updatedAt);
const isActive = ({ archivedAt, snoozedUntil }) => !archivedAt && !snoozedUntil;

/** The connection `items(filter: {view: ACTIVE})` after these changes. */
export function withChanges(connection, changes) {
  const changed = new Map(changes.map(({ itemId, item }) => [itemId, item]));
  const known = new Set(connection.nodes.map(({ id }) => id));
  const last = connection.nodes.at(-1);
  // Older items than those of this page belong to later pages.
  const isOfThisPage = (item) => !connection.pageInfo.hasNextPage || !last || byUpdatedAt(item, last) <= 0;

  const stay = connection.nodes
    .map((node) => (changed.has(node.id) ? changed.get(node.id) : node))
    .filter((item) => item && isActive(item));
  const come = [...changed.values()].filter((item) => item && isActive(item) && !known.has(item.id) && isOfThisPage(item));
  return { ...connection, nodes: [...come.reverse(), ...stay].sort(byUpdatedAt) };
}
