/** The messages this page knows, oldest first, and which of them are new to the reader. */

export class Messages {
  list = [];
  /** Whether the server has earlier ones. */
  more = false;

  /** A connection began: these are the newest. What was known before may have changed since. */
  newest(messages, more) {
    this.list = messages;
    this.more = more;
  }

  /** Earlier ones came. False when they don't lie before what is known. */
  older(messages, more) {
    const first = this.list[0]?.id ?? Infinity;
    if (messages.some(({ id }) => id >= first)) return false;
    this.list = [...messages, ...this.list];
    this.more = more;
    return true;
  }

  /** One is new. False when it is known. */
  add(message) {
    const last = this.list.at(-1)?.id ?? 0;
    if (message.id <= last) return false;
    this.list.push(message);
    return true;
  }

  /** One is another now. False when it is not on this page. */
  change(message) {
    const index = this.list.findIndex(({ id }) => id === message.id);
    if (index < 0) return false;
    this.list[index] = message;
    return true;
  }

  /** All that somebody wrote is deleted. Returns whether any of it is on this page. */
  deleteAll(user) {
    let any = false;
    this.list.forEach((message, index) => {
      const { id, author, time, key, deleted } = message;
      if (author.id !== user || deleted) return;
      this.list[index] = { id, author, time, key, deleted: true };
      any = true;
    });
    return any;
  }

  /** The last one that somebody wrote and did not delete. */
  lastOf(user) {
    return this.list.findLast(({ author, deleted }) => author.id === user && !deleted) ?? null;
  }
}

/** Whether somebody is mentioned in a message of somebody else's. */
export function mentions(message, user) {
  return message.author.id !== user && (message.mentions ?? []).some(([, , id]) => id === user);
}

/**
 * How many messages of others came after number `read`.
 * @returns {{count: number, mentioned: boolean, all: boolean}} `all`: and maybe earlier ones
 */
export function unread({ list, more }, read, user) {
  const fresh = list.filter(({ id, author, deleted }) => id > read && author.id !== user && !deleted);
  return {
    count: fresh.length,
    mentioned: fresh.some((message) => mentions(message, user)),
    all: more && list.length > 0 && list[0].id > read + 1,
  };
}

/** What the badge shows: "", "3", "@3", "50+". */
export function badge({ count, mentioned, all }) {
  return count ? `${mentioned ? "@" : ""}${count}${all ? "+" : ""}` : "";
}
