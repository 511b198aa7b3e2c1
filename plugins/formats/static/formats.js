/** Downloading the document in another format, and making a new one from a file. */

import { formatOf, inOrder } from "./choice.js";

export default function activate(collab) {
  const { ui } = collab;

  async function ask(path, options = {}) {
    let response;
    try {
      response = await fetch(collab.api + path, { credentials: "same-origin", ...options });
    } catch {
      throw new Error("The server can’t be reached just now. Try again in a moment.");
    }
    const answer = await response.json().catch(() => null);
    if (!response.ok) throw new Error(answer?.error?.message ?? "That did not work. Try again in a moment.");
    return answer;
  }

  async function open() {
    let formats;
    try {
      formats = await ask("/formats");
    } catch (error) {
      ui.notify(error.message, { kind: "warning" });
      return;
    }
    const sorted = inOrder(formats);
    const list = document.createElement("ul");
    list.className = "formats-list";
    list.append(
      ...sorted.map(({ name, title, extension }) => {
        const link = document.createElement("a");
        link.href = `${collab.api}/documents/${collab.document.id}/export/${name}`;
        link.download = "";
        const ending = document.createElement("small");
        ending.textContent = `.${extension}`;
        link.append(title, " ", ending);
        const item = document.createElement("li");
        item.append(link);
        return item;
      }),
    );
    const label = document.createElement("label");
    label.className = "formats-file";
    label.textContent = "Or make a new document from a file: ";
    const file = document.createElement("input");
    file.type = "file";
    file.accept = [...new Set(formats.importers.map(({ extension }) => `.${extension}`))].join();
    const problem = document.createElement("p");
    problem.className = "problem";
    problem.setAttribute("role", "alert");
    label.append(file);
    const body = document.createElement("div");
    body.append(list, label, problem);
    file.addEventListener("change", async () => {
      problem.textContent = "";
      const [chosen] = file.files;
      if (!chosen) return;
      file.disabled = true;
      try {
        const format = formatOf(chosen.name, formats.importers);
        const made = await ask(`/import/${format}?filename=${encodeURIComponent(chosen.name)}`, { method: "POST", body: chosen });
        location.assign(made.links.page);
      } catch (error) {
        problem.textContent = error.message;
        file.disabled = false;
      }
    });
    ui.openDialog({ title: "Download as …", body });
  }

  ui.addToolbarButton({ label: "Files", icon: "download", title: "Download the document, or make one from a file", onClick: open });
  ui.addCommand({ name: "files", title: "Download the document, or make one from a file", run: open });
}
