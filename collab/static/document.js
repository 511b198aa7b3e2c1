/**
 * The live document: everything between an editor and the server, for any editor.
 *
 * The editor applies local edits itself and reports them with `edit`; what others do comes
 * through the `editor` port. Positions and lengths are UTF-16 code units.
 */

import { openClaims } from "./claims.js";
import { checksumInSlices } from "./checksum.js";
import { Delivery } from "./delivery.js";
import { browserEnvironment } from "./environment.js";
import { Delta, canonicalJSON, insertedText, plainText, repaired } from "./ot.js";
import { Positions } from "./positions.js";
import { deliverableLater, keepsWholeText, mendedByFreshStart } from "./refusals.js";
import { Synchronizer } from "./synchronizer.js";
import { Unsent } from "./unsent.js";

/** Why the whole text is kept when the server's epoch turned out to be another. */
const RESTORED = {
  code: "epoch_changed",
  message: "The document was restored from a backup since you last saw it.",
};

/** Differing checksums after which this page only reports them. */
const MISMATCHES_MENDED = 3;

/** How often closed tabs' work is looked for, in ms. */
const LOOK_FOR_ORPHANS = 60_000;

/**
 * @typedef {object} Editor what an editor's adapter implements
 * @property {(content: Delta) => void} setContent replaces everything
 * @property {(delta: Delta, whose?: {clients: string[]}) => void} applyRemote applies others'
 *   edits (the ids of the clients who made them); must not report them
 * @property {() => string} text the present text (plain text documents)
 * @property {() => Delta} [content] the present content (rich text documents)
 * @property {(writable: boolean) => void} setWritable
 *
 * @typedef {object} Status
 * @property {import("./connection.js").ConnectionStatus} connection
 * @property {number} unsaved edits that are not acknowledged
 * @property {boolean} saving whether there are any
 * @property {boolean} atRisk saving, and the server is away or slow, or the browser's storage
 *   refused to keep the edits
 * @property {boolean} kept whether unacknowledged edits survive this page
 * @property {string | null} code why it is refused or offline, if the server said
 * @property {string | null} sentence the same for a person
 * @property {number | null} retryAt when it tries again, in seconds since 1970
 */

/**
 * Events (their `detail`): `status` (Status), `ready` ({fresh}), `session` ({session, client,
 * user, permissions}), `user`, `document` ({id, title, type}), `message` ({plugin, data}),
 * `remote` ({delta, operations}), `revision` ({revision}), `synchronized`, `rescue` (Rescue
 * and `kept`), `notice` ({code, message}), `plugins` ({plugins}: these browser halves shall run).
 */
export class LiveDocument extends EventTarget {
  /** {id, title, type} */
  document;
  /** {id, name, color} */
  user;
  /** The server's name for this connection. @type {string | null} */
  session = null;
  /** @type {string[]} */
  permissions = [];
  /** @type {Status} */
  status;

  #editor;
  #environment;
  #unsent;
  #claims;
  #url;
  #synchronizer;
  #positions = new Positions();
  #releaseClaim = null;
  #kept = true;
  #ready = false; // whether the editor holds the document
  #fresh = false; // whether this connection began with a snapshot
  #epoch = null;
  #lastClient = null; // under whose name the unsent work is kept
  #startingOver = null; // the error for which the content is about to be replaced
  #wasSynchronized = true;
  #mismatches = 0;
  #delivery = null;
  #orphanTimer = null;
  #opened;
  #resolveOpened;

  /**
   * @param {object} options
   * @param {{basePath: string, socket: string, document: object, user: object}} options.config
   *   `socket` is a path or a whole URL
   * @param {Editor} options.editor
   * @param {import("./environment.js").Environment} [options.environment]
   */
  constructor({ config, editor, environment = browserEnvironment() }) {
    super();
    this.document = config.document;
    this.user = config.user;
    this.#editor = editor;
    this.#environment = environment;
    this.#url = socketURL(config.socket, environment.address);
    this.#unsent = new Unsent(environment, config.basePath ?? "");
    this.#claims = openClaims(environment, config.basePath ?? "");
    this.#opened = new Promise((resolve) => (this.#resolveOpened = resolve));
    this.#synchronizer = new Synchronizer({
      url: this.#url,
      environment,
      owner: {
        fresh: (welcome) => this.#setContent(welcome),
        welcomed: (welcome) => this.#welcomed(welcome),
        remote: (delta, operations) => this.#remote(delta, operations),
        committed: (operation) => this.#positions.push(operation),
        advanced: () => this.#advanced(),
        pendingChanged: () => this.#pendingChanged(),
        lost: (error) => this.#lost(error),
        told: (message) => this.#told(message),
        statusChanged: () => this.#statusChanged(),
      },
    });
    this.status = this.#currentStatus();
  }

  /** Connects. Resolves when the editor holds the document; keeps trying until then. */
  open() {
    this.#editor.setWritable(false);
    this.#synchronizer.open();
    return this.#opened;
  }

  /** Leaves. What is unsent stays in the browser's storage for the next page. */
  close() {
    this.#environment.clearTimeout(this.#orphanTimer);
    this.#delivery?.close();
    this.#synchronizer.close();
    this.#releaseClaim?.();
    this.#claims.close();
  }

  /** Tries to connect now. */
  retry() {
    this.#synchronizer.connection.retry();
  }

  /**
   * The user changed the document; the editor shows it already. When this returns, the edit
   * is in the browser's storage (unless `status.kept` says otherwise).
   *
   * @param {Delta | object[]} change
   */
  edit(change) {
    if (!this.#ready) throw new Error("The document is not here yet.");
    const { delta, repair } = repaired(new Delta(change));
    if (repair) this.#editor.applyRemote(repair);
    const { machine, identity } = this.#synchronizer;
    if (!machine) {
      if (!keepsWholeText(this.#startingOver)) this.#rescue(this.#startingOver, delta);
    } else if (this.#wasTaken(identity)) {
      const error = { code: "superseded", message: "Another tab delivered this tab's work." };
      this.#rescue(error, delta);
      this.#startOver(error);
    } else {
      this.#wasSynchronized = false;
      this.#synchronizer.edit(delta);
    }
  }

  /** To a plugin's server half. @returns {boolean} false when not connected; it isn't kept */
  sendMessage(plugin, data) {
    return this.#synchronizer.connection.send({ type: "message", plugin, data });
  }

  /** This tab's id in the order of edits. @returns {string | null} */
  get client() {
    return this.#synchronizer.identity?.client ?? null;
  }

  /** The last committed revision that the editor's content holds. */
  get revision() {
    return this.#synchronizer.machine?.revision ?? 0;
  }

  /** Whether everything typed here is acknowledged. */
  get synchronized() {
    return this.#synchronizer.synchronized;
  }

  /** The server's bounds: {operation_size, message_size, …}. */
  get limits() {
    return this.#synchronizer.limits;
  }

  /**
   * A selection as the server's revision counts it, or null while something is unacknowledged
   * (the `synchronized` event tells when it can be asked again) or the server is away.
   *
   * @param {{anchor: number, head: number}} selection
   * @returns {{revision: number, anchor: number, head: number} | null}
   */
  selectionForServer({ anchor, head }) {
    if (!this.synchronized || this.status.connection !== "connected") return null;
    return { revision: this.revision, anchor, head };
  }

  /**
   * Where a position in the server's `revision` is in the editor now.
   *
   * @param {string} [owner] the client whose position it is: its own inserts push it along
   * @returns {number | null} null when that revision is too old, or not here yet
   */
  toLocal(revision, position, owner) {
    const { machine } = this.#synchronizer;
    let index = this.#positions.latest(revision, position, owner);
    if (index === null || !machine) return null;
    for (const delta of [machine.inflight, machine.buffer]) {
      if (delta) index = delta.transformPosition(index, owner !== machine.id);
    }
    return index;
  }

  /** @returns {import("./unsent.js").Rescue[]} the oldest first */
  rescues() {
    return this.#unsent.rescues(this.document.id);
  }

  discardRescue(id) {
    this.#unsent.discardRescue(this.document.id, id);
  }

  /** The user goes by another name or colour now. */
  setUser(user) {
    this.user = user;
    this.#tell("user", user);
  }

  // What the synchronizer tells.

  #setContent({ client, content, revision, epoch }) {
    const delta = new Delta(content);
    const restored = this.#epoch !== null && this.#epoch !== epoch;
    const reason = this.#startingOver ?? (restored ? RESTORED : null);
    if (this.#ready && reason && keepsWholeText(reason)) {
      if (plainText(delta) !== this.#text()) this.#rescue(reason);
      this.#forgetRecord(this.#lastClient);
    }
    this.#startingOver = null;
    this.#lastClient = client;
    this.#epoch = epoch;
    this.#releaseClaim?.();
    this.#releaseClaim = this.#claims.take(client);
    this.#kept = true;
    this.#fresh = true;
    this.#ready = true;
    this.#positions.reset(revision);
    this.#editor.setContent(delta);
  }

  #welcomed({ session, client, user, permissions, document }) {
    this.session = session;
    this.permissions = permissions;
    this.#editor.setWritable(permissions.includes("write"));
    this.#tell("session", { session, client, user, permissions });
    this.setUser(user);
    this.#rename(document);
    this.#statusChanged();
    this.#tell("ready", { fresh: this.#fresh });
    this.#fresh = false;
    this.#advanced();
    this.#resolveOpened();
    this.#lookForOrphans();
  }

  #remote(delta, operations) {
    this.#editor.applyRemote(delta, { clients: operations.map(({ client }) => client) });
    this.#tell("remote", { delta, operations });
  }

  #advanced() {
    this.#tell("revision", { revision: this.revision });
    if (this.synchronized && !this.#wasSynchronized) {
      this.#wasSynchronized = true;
      this.#tell("synchronized");
    }
    this.#statusChanged();
  }

  #pendingChanged() {
    const { identity, machine } = this.#synchronizer;
    const saved = this.#unsent.save(this.document.id, identity, machine);
    this.#kept = saved || !machine.inflight;
    this.#statusChanged();
  }

  #lost(error) {
    if (mendedByFreshStart(error)) {
      // Somebody who took our place delivers what we kept, or the fresh start finds it.
      const delivered = error.code === "superseded" && this.#kept;
      if (!keepsWholeText(error) && !delivered) {
        this.#rescue(error, this.#synchronizer.machine?.unsent);
        this.#forgetRecord(this.client);
      }
      this.#startOver(error);
      return;
    }
    this.#editor.setWritable(false);
    if (deliverableLater(error) || !this.#synchronizer.machine?.inflight) return;
    this.#rescue(error, this.#synchronizer.machine.unsent);
    this.#forgetRecord(this.client);
  }

  #told(message) {
    switch (message.type) {
      case "message":
        this.#tell("message", { plugin: message.plugin, data: message.data });
        break;
      case "document":
        this.#rename({ ...this.document, title: message.title });
        break;
      case "checksum":
        this.#compare(message);
        break;
      case "plugins":
        this.#tell("plugins", { plugins: message.plugins });
        break;
      case "error":
        this.#tell("notice", { code: message.code, message: message.message });
        break;
    }
  }

  #statusChanged() {
    // A tab that slept may find that another one took its unsent work over.
    const { connection, identity } = this.#synchronizer;
    if (connection.status === "connecting" && identity && this.#wasTaken(identity)) {
      this.#startingOver = { code: "superseded", message: "Another tab delivered this." };
      this.#synchronizer.forget();
    }
    const status = this.#currentStatus();
    if (canonicalJSON(status) === canonicalJSON(this.status)) return;
    this.status = status;
    this.#tell("status", status);
  }

  // Our own affairs.

  #currentStatus() {
    const { connection, machine, overdue } = this.#synchronizer;
    const { status, error, retryAt } = connection;
    const unsaved = machine?.unsaved ?? 0;
    const saving = unsaved > 0;
    return {
      connection: status,
      unsaved,
      saving,
      atRisk: saving && (status !== "connected" || overdue || !this.#kept),
      kept: this.#kept,
      code: error?.code ?? null,
      sentence: error?.message ?? null,
      retryAt: retryAt && retryAt / 1000,
    };
  }

  /** Our content against the server's sum, where both are at the same revision. */
  async #compare({ revision, value }) {
    const { machine } = this.#synchronizer;
    if (!this.synchronized || machine.revision !== revision) return;
    const summed =
      this.document.type === "text" ? this.#editor.text() : canonicalJSON(this.#editor.content().ops);
    const pause = () => new Promise((go) => this.#environment.setTimeout(go, 0));
    const checksum = await checksumInSlices(summed, pause);
    if (checksum === value || machine !== this.#synchronizer.machine) return;
    this.#synchronizer.connection.send({ type: "mismatch", revision, checksum });
    this.#mismatches += 1;
    if (this.#mismatches > MISMATCHES_MENDED) return;
    this.#startOver({
      code: "mismatch",
      message: "This tab's text had come to differ from the server's.",
    });
  }

  /** Asks for a fresh snapshot in place of everything here. */
  #startOver(error) {
    this.#startingOver = error;
    this.#editor.setWritable(false);
    this.#synchronizer.startAfresh();
  }

  #forgetRecord(client) {
    if (client) this.#unsent.remove(this.document.id, client);
  }

  /** Keeps a rescue copy: of what `delta` inserts, or of the whole text. */
  #rescue({ code, message }, delta) {
    const whole = keepsWholeText({ code });
    const text = whole ? this.#text() : insertedText(delta ?? new Delta());
    if (!text) return;
    const { id, title } = this.document;
    const copy = { document: id, title, reason: code, sentence: message, text, whole };
    const { rescue, kept } = this.#unsent.rescue(copy);
    this.#tell("rescue", { ...rescue, kept });
  }

  #text() {
    return this.document.type === "text" ? this.#editor.text() : plainText(this.#editor.content());
  }

  #wasTaken({ client }) {
    return !this.#claims.certain && this.#unsent.wasTaken(this.document.id, client);
  }

  #rename(document) {
    if (canonicalJSON(document) === canonicalJSON(this.document)) return;
    this.document = document;
    this.#tell("document", document);
  }

  /** Delivers what closed tabs left, now and from time to time. */
  async #lookForOrphans() {
    if (this.#delivery || this.status.connection !== "connected") return;
    this.#environment.clearTimeout(this.#orphanTimer);
    this.#delivery = new Delivery({
      environment: this.#environment,
      unsent: this.#unsent,
      claims: this.#claims,
      url: this.#url,
      document: this.document,
      rescued: (rescue) => this.#tell("rescue", rescue),
    });
    try {
      await this.#delivery.run();
    } finally {
      this.#delivery = null;
    }
    this.#orphanTimer = this.#environment.setTimeout(() => this.#lookForOrphans(), LOOK_FOR_ORPHANS);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function socketURL(socket, address) {
  const url = new URL(socket, address);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}
