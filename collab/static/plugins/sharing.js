/** What one plugin's browser half offers to others, by name. */

export class Sharing {
  #offers = new Map(); // name → {owner, value}
  #wanted = new Map(); // name → Set of listeners

  /**
   * Offers something. @throws {Error} when another plugin offers that already
   * @returns {{remove(): void}}
   */
  share(owner, name, value) {
    const offered = this.#offers.get(name);
    if (offered && offered.owner !== owner) {
      throw new Error(`the plugin ${offered.owner} shares “${name}” already`);
    }
    const mine = { owner, value };
    this.#offers.set(name, mine);
    this.#tell(name, value);
    return {
      remove: () => {
        if (this.#offers.get(name) !== mine) return;
        this.#offers.delete(name);
        this.#tell(name, null);
      },
    };
  }

  /**
   * `listener(value)`: now if it is there, whenever it is another, and null once it has gone.
   * @returns {{remove(): void}}
   */
  use(name, listener) {
    const listeners = this.#wanted.get(name) ?? new Set();
    this.#wanted.set(name, listeners.add(listener));
    if (this.#offers.has(name)) listener(this.#offers.get(name).value);
    return { remove: () => void listeners.delete(listener) };
  }

  #tell(name, value) {
    for (const listener of [...(this.#wanted.get(name) ?? [])]) listener(value);
  }
}
