/**
 * What is done when the text here and the server's can't go on together: what only we have
 * becomes a rescue copy, and the server's content takes the place of ours.
 */

import { checksumInSlices } from "./checksum.js";
import { summedOf, textOf } from "./content.js";
import { attempt } from "./guarding.js";
import { plainText } from "./ot.js";
import {
  deliverableLater, deliveredByAnother, inPlainWords, keepsWholeText, mendedByFreshStart,
} from "./refusals.js";

/** Why the whole text is kept when the server's epoch turned out to be another. */
const RESTORED = {
  code: "epoch_changed",
  message: "The document was restored from a backup since you last saw it.",
};

const FAILED = { code: "page_failed", message: "This page failed to take in an edit, and loaded the document again." };

const MISSED = {
  code: "edit_missed",
  message: "This page failed to take in what was typed, and loaded the document again.",
};

const MISMATCH = { code: "mismatch", message: "This tab’s text had come to differ from the server’s." };

const STOPPED = {
  code: "page_stopped",
  message: "This page failed again and again to show what is written here, and has stopped: reload it to go on.",
};

/** Failures in a row with which this page stops, instead of loading the document yet again. */
const MOST_FAILURES = 3;

/** ms without a failure after which the next one is the first again. */
const CALM_AFTER = 60_000;

export class Recovery {
  /** Whether the editor holds the document. */
  ready = false;

  #editor;
  #environment;
  #document;
  #keeping;
  #synchronizer;
  #epoch = null;
  #startingOver = null; // the error for which the content is about to be replaced
  #failures = 0;
  #failedAt = -Infinity;
  #stopped = false;

  /**
   * @param {object} options
   * @param {import("./content.js").Editor} options.editor
   * @param {import("./environment.js").Environment} options.environment
   * @param {() => {like: string}} options.document
   * @param {import("./keeping.js").Keeping} options.keeping
   * @param {import("./synchronizer.js").Synchronizer} options.synchronizer
   */
  constructor({ editor, environment, document, keeping, synchronizer }) {
    this.#editor = editor;
    this.#environment = environment;
    this.#document = document;
    this.#keeping = keeping;
    this.#synchronizer = synchronizer;
  }

  /** `content` is about to take the place of what the editor holds. */
  replacing(content, epoch) {
    const restored = this.#epoch !== null && this.#epoch !== epoch;
    const reason = this.#startingOver ?? (restored ? RESTORED : null);
    if (this.ready && reason && keepsWholeText(reason)) {
      if (plainText(content) !== this.#text()) this.#keeping.rescue(reason);
      this.#keeping.forget(this.#keeping.client);
    }
    this.#startingOver = null;
    this.#epoch = epoch;
    this.ready = true;
  }

  /**
   * An edit that nobody will take becomes a rescue copy.
   * @returns {boolean} whether it was such a one
   */
  intercepts(delta) {
    const { machine, identity } = this.#synchronizer;
    if (!machine) {
      if (!keepsWholeText(this.#startingOver)) this.#keeping.rescue(this.#startingOver, delta);
      return true;
    }
    if (!this.#keeping.wasTaken(identity)) return false;
    const error = { code: "superseded", message: "Another tab delivered this tab's work." };
    this.#keeping.rescue(error, delta);
    this.#startOver(error);
    return true;
  }

  /** Another connection begins. A tab that slept may find that another one took its work over. */
  connecting() {
    const { identity } = this.#synchronizer;
    if (!identity || !this.#keeping.wasTaken(identity)) return;
    this.#startingOver = { code: "superseded", message: "Another tab delivered this." };
    this.#synchronizer.forget();
  }

  /** The server won't take what we sent, or have us. */
  lost(told) {
    const error = inPlainWords(told);
    const { machine, identity } = this.#synchronizer;
    const client = identity?.client ?? null;
    if (mendedByFreshStart(error)) {
      const delivered = deliveredByAnother(error) && (error.code !== "superseded" || this.#keeping.keeps);
      if (!keepsWholeText(error) && !delivered) {
        this.#keeping.rescue(error, attempt(() => machine?.unsent));
        this.#keeping.forget(client);
      } else if (delivered && error.code !== "superseded") {
        this.#keeping.owe(client, machine?.unsaved ?? 0);
      }
      this.#startOver(error);
      return;
    }
    attempt(() => this.#editor.setWritable(false));
    if (!machine?.inflight) return;
    this.#keeping.rescue(error, machine.unsent);
    if (!deliverableLater(error)) this.#keeping.forget(client);
  }

  /** Something threw: editor and engine may have gone different ways. */
  failed(thrown) {
    if (this.#stopped) return;
    this.#environment.report(thrown);
    if (this.#environment.now() > this.#failedAt + CALM_AFTER) this.#failures = 0;
    if (this.#failsAgain()) this.lost(FAILED);
  }

  /** What the writer typed did not get into the engine: only the editor has it. */
  missed(thrown) {
    if (!this.#stopped) this.#keeping.rescue(MISSED);
    this.failed(thrown);
  }

  /** @returns {boolean} whether a fresh start is worth another try; if not, this page has stopped */
  #failsAgain() {
    this.#failures += 1;
    this.#failedAt = this.#environment.now();
    if (this.#failures < MOST_FAILURES) return true;
    this.#stopped = true;
    this.#synchronizer.connection.refuse(STOPPED);
    return false;
  }

  /** Our content against the server's sum, where both are at the same revision. */
  async compare({ revision, value }) {
    const { machine, connection, synchronized } = this.#synchronizer;
    if (!synchronized || machine.revision !== revision) return;
    const pause = () => new Promise((go) => this.#environment.setTimeout(go, 0));
    const checksum = await checksumInSlices(summedOf(this.#editor, this.#document()), pause);
    if (machine !== this.#synchronizer.machine) return;
    if (checksum === value) {
      this.#failures = 0;
      return;
    }
    connection.send({ type: "mismatch", revision, checksum });
    if (this.#failures + 1 === MOST_FAILURES) this.#keeping.rescue(MISMATCH);
    if (this.#failsAgain()) this.#startOver(MISMATCH);
  }

  /** Asks for a fresh snapshot in place of everything here. */
  #startOver(error) {
    this.#startingOver = error;
    attempt(() => this.#editor.setWritable(false));
    this.#synchronizer.startAfresh();
  }

  /** What the person sees; null when the editor can't even say that. */
  #text() {
    return attempt(() => textOf(this.#editor, this.#document()), null);
  }
}
