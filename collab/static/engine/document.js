/**
 * The live document: everything between an editor and the server, for any editor.
 *
 * The editor applies local edits itself and reports them with `edit`; what others do comes
 * through the `editor` port. Positions and lengths are UTF-16 code units.
 */

import { known } from "./content.js";
import { Keeping } from "./keeping.js";
import { Recovery } from "./recovery.js";
import { changeOfPermissions, statusOf } from "./status.js";
import { browserEnvironment, socketURL } from "./environment.js";
import { guard } from "./guarding.js";
import { Delta, canonicalJSON, repaired } from "./ot.js";
import { Positions } from "./positions.js";
import { Reading } from "./reading.js";
import { Synchronizer } from "./synchronizer.js";

/** Characters of what the server is told of a plugin's failure. */
const LONGEST_FAULT = 1000;

/**
 * Events (their `detail`): `status` (see status.js), `ready` ({fresh}), `session` ({session, client,
 * user, permissions}), `user`, `document` ({id, title, type, like}), `message` ({plugin, data}),
 * `reading` (the text is here, but can only be read: see `status.blocked`), `remote` ({delta, operations}), `revision` ({revision}), `synchronized`, `rescue` (Rescue
 * and `kept`), `notice` ({code, message, kind}), `plugins` ({plugins}: these browser halves shall run).
 */
export class LiveDocument extends EventTarget {
  /** {id, title, type, like}; `like` is the built-in type whose content it has */
  document;
  /** {id, name, color} */
  user;
  /** The server's name for this connection. @type {string | null} */
  session = null;
  /** @type {string[]} */
  permissions = [];
  /** @type {import("./status.js").Status} */
  status;

  #editor;
  #keeping;
  #recovery;
  #reading;
  #synchronizer;
  #positions = new Positions();
  #fresh = false; // whether this connection began with a snapshot
  #wasSynchronized = true;
  #opened;
  #resolveOpened;

  /**
   * @param {object} options
   * @param {{basePath: string, socket: string, document: object, user: object}} options.config
   *   `socket` is a path or a whole URL
   * @param {import("./content.js").Editor} options.editor
   * @param {import("./environment.js").Environment} [options.environment]
   */
  constructor({ config, editor, environment = browserEnvironment() }) {
    super();
    this.document = known(config.document);
    this.user = config.user;
    this.#editor = editor;
    const url = socketURL(config.socket, environment.address);
    this.#opened = new Promise((resolve) => (this.#resolveOpened = resolve));
    this.#synchronizer = new Synchronizer({
      url,
      environment,
      owner: {
        fresh: (welcome) => this.#setContent(welcome),
        welcomed: (welcome) => this.#welcomed(welcome),
        remote: (delta, operations) => this.#remote(delta, operations),
        committed: (operation) => this.#positions.push(operation),
        advanced: () => this.#advanced(),
        pendingChanged: () => this.#pendingChanged(),
        lost: (error) => this.#recovery.lost(error),
        failed: (error) => this.#recovery.failed(error),
        told: (message) => this.#told(message),
        statusChanged: () => this.#statusChanged(),
      },
    });
    this.#reading = new Reading({
      url,
      environment,
      show: (content) => {
        if (this.#recovery.ready) return;
        this.#editor.setContent(content);
        this.#tell("reading");
      },
    });
    const document = () => this.document;
    this.#keeping = new Keeping({
      environment,
      namespace: config.basePath ?? "",
      url,
      editor,
      document,
      connected: () => this.status.connection === "connected",
      atRisk: () => this.#atRisk(),
      changed: () => this.#statusChanged(),
      rescued: (rescue) => this.#tell("rescue", rescue),
    });
    this.#recovery = new Recovery({
      editor, environment, document, keeping: this.#keeping, synchronizer: this.#synchronizer,
    });
    this.status = statusOf(this.#synchronizer, this.#keeping);
  }

  /** Connects. Resolves when the editor holds the document; keeps trying until then. */
  open() {
    this.#editor.setWritable(false);
    this.#synchronizer.open();
    return this.#opened;
  }

  /** Leaves. What is unsent stays in the browser's storage for the next page. */
  close() {
    this.#synchronizer.close();
    this.#keeping.close();
  }

  /** Tries to connect now. */
  retry() {
    this.#synchronizer.connection.retry();
  }

  /**
   * The user changed the document; the editor shows it already. It is written to the browser's
   * storage at once, but not waited for: `status.kept` says when it is there.
   *
   * @param {Delta | object[]} change
   */
  edit(change) {
    if (!this.#recovery.ready) throw new Error("The document is not here yet.");
    guard(() => this.#edit(change), (error) => this.missed(error))();
  }

  #edit(change) {
    const { delta, repair } = repaired(new Delta(change));
    if (repair) this.#editor.applyRemote(repair);
    if (this.#recovery.intercepts(delta)) return;
    this.#wasSynchronized = false;
    this.#synchronizer.edit(delta);
  }

  /** The editor has a change that it could not report: the text is kept, and loaded again. */
  missed(error) {
    if (this.#recovery.ready) this.#recovery.missed(error);
  }

  /** Something of the engine or the editor threw where nothing caught it: the document is loaded again. */
  suspect(error) {
    if (this.#recovery.ready) this.#recovery.failed(error);
  }

  /**
   * To a plugin's server half.
   * @returns {boolean} false when not connected; it isn't kept
   * @throws {RangeError} when it is larger than the server takes
   */
  sendMessage(plugin, data) {
    return this.#synchronizer.connection.send({ type: "message", plugin, data }, this.limits.message_size);
  }

  /** A plugin's browser half failed here: for the operator to know. Not kept when not connected. */
  sendFault(plugin, error) {
    this.#synchronizer.connection.send({ type: "fault", plugin, error: error.slice(0, LONGEST_FAULT) });
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
    return this.#positions.local(this.#synchronizer.machine, revision, position, owner);
  }

  /** @returns {Promise<import("./unsent.js").Rescue[]>} the oldest first */
  rescues() {
    return this.#keeping.rescues();
  }

  discardRescue(id) {
    this.#keeping.discardRescue(id);
  }

  /** The user goes by another name or colour now. */
  setUser(user) {
    this.user = user;
    this.#tell("user", user);
  }

  // What the synchronizer tells.

  #setContent({ client, content, revision, epoch }) {
    const delta = new Delta(content);
    this.#recovery.replacing(delta, epoch);
    this.#keeping.begin(client);
    this.#fresh = true;
    this.#positions.reset(revision);
    this.#editor.setContent(delta);
  }

  #welcomed({ session, client, user, permissions, document }) {
    const change = this.session && changeOfPermissions(this.permissions, permissions);
    this.session = session;
    this.permissions = permissions;
    this.#editor.setWritable(permissions.includes("write"));
    this.#tell("session", { session, client, user, permissions });
    if (change) this.#tell("notice", change);
    this.setUser(user);
    this.#rename(document);
    this.#statusChanged();
    this.#tell("ready", { fresh: this.#fresh });
    this.#fresh = false;
    this.#advanced();
    this.#resolveOpened();
    this.#keeping.lookForOrphans();
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
    this.#keeping.save(this.#synchronizer);
    this.#statusChanged();
  }

  #told(message) {
    const { type, plugin, data, title, plugins, code } = message;
    if (type === "message") this.#tell("message", { plugin, data });
    else if (type === "document") this.#rename({ ...this.document, title });
    else if (type === "checksum") guard(() => this.#recovery.compare(message), this.suspect.bind(this))();
    else if (type === "plugins") this.#tell("plugins", { plugins });
    else if (type === "error") this.#tell("notice", { code, message: message.message });
  }

  #statusChanged() {
    if (this.#synchronizer.connection.status === "connecting") this.#recovery.connecting();
    if (this.#synchronizer.machine) this.#keeping.secure(this.#synchronizer);
    if (this.#synchronizer.connection.blocked && !this.#recovery.ready) this.#reading.read();
    const status = statusOf(this.#synchronizer, this.#keeping);
    if (canonicalJSON(status) === canonicalJSON(this.status)) return;
    this.status = status;
    this.#tell("status", status);
  }

  /** Whether the server may not get soon what is unsent. */
  #atRisk() {
    return this.#synchronizer.connection.status !== "connected" || this.#synchronizer.overdue;
  }

  #rename(named) {
    const document = known(named);
    if (canonicalJSON(document) === canonicalJSON(this.document)) return;
    this.document = document;
    this.#tell("document", document);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
