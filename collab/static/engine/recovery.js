/**
 * What is done when the text here and the server's can't go on together: what only we have
 * becomes a rescue copy, and the server's content takes the place of ours.
 */

import { checksumInSlices } from "./checksum.js";
import { summedOf, textOf } from "./content.js";
import { plainText } from "./ot.js";
import { deliverableLater, keepsWholeText, mendedByFreshStart } from "./refusals.js";

/** Why the whole text is kept when the server's epoch turned out to be another. */
const RESTORED = {
  code: "epoch_changed",
  message: "The document was restored from a backup since you last saw it.",
};

/** Differing checksums after which this page only reports them. */
const MISMATCHES_MENDED = 3;

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
  #mismatches = 0;

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
      if (plainText(content) !== textOf(this.#editor, this.#document())) this.#keeping.rescue(reason);
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
  lost(error) {
    const { machine, identity } = this.#synchronizer;
    const client = identity?.client ?? null;
    if (mendedByFreshStart(error)) {
      // Somebody who took our place delivers what we kept, or the fresh start finds it.
      const delivered = error.code === "superseded" && this.#keeping.kept;
      if (!keepsWholeText(error) && !delivered) {
        this.#keeping.rescue(error, machine?.unsent);
        this.#keeping.forget(client);
      }
      this.#startOver(error);
      return;
    }
    this.#editor.setWritable(false);
    if (deliverableLater(error) || !machine?.inflight) return;
    this.#keeping.rescue(error, machine.unsent);
    this.#keeping.forget(client);
  }

  /** Our content against the server's sum, where both are at the same revision. */
  async compare({ revision, value }) {
    const { machine, connection, synchronized } = this.#synchronizer;
    if (!synchronized || machine.revision !== revision) return;
    const pause = () => new Promise((go) => this.#environment.setTimeout(go, 0));
    const checksum = await checksumInSlices(summedOf(this.#editor, this.#document()), pause);
    if (checksum === value || machine !== this.#synchronizer.machine) return;
    connection.send({ type: "mismatch", revision, checksum });
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
}
