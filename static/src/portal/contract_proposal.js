import { _t } from "@web/core/l10n/translation";
import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { redirect } from "@web/core/utils/urls";
import { Interaction } from "@web/public/interaction";

/** The other party writes other wordings of clauses into the text and sends them together. */
export class ContractProposal extends Interaction {
    static selector = ".o_clm_proposal";
    dynamicContent = {
        _window: { "t-on-beforeunload": this.onLeave },
        ".o_clm_edit": { "t-on-click.withTarget": this.onEdit },
        ".o_clm_undo": { "t-on-click.withTarget": this.onUndo },
        // a click must not take the selection away
        ".o_clm_tools button": { "t-on-mousedown.prevent": () => {} },
        ".o_clm_tools [data-command]": { "t-on-click.withTarget": this.onFormat },
        ".o_clm_body": { "t-on-input": () => {}, "t-on-paste": this.onPaste },
        ".o_clm_send": { "t-on-click": this.onSend, "t-att-disabled": () => this.sending || !this.changed.length },
        ".o_clm_send_bar": { "t-att-class": () => ({ "d-none": !this.originals.size }) },
        ".o_clm_count": { "t-out": () => this.countLabel },
    };

    setup() {
        /** @type {Map<HTMLElement, string>} the text before, by clause that is edited */
        this.originals = new Map();
        this.sending = false;
    }

    get changed() {
        return [...this.originals].filter(([el, html]) => this.bodyOf(el).innerHTML !== html).map(([el]) => el);
    }

    get countLabel() {
        const count = this.changed.length;
        if (!count) {
            return _t("Change the text of the clause");
        }
        return count === 1 ? _t("1 clause changed") : _t("%s clauses changed", count);
    }

    bodyOf(clauseEl) {
        return clauseEl.querySelector(".o_clm_body");
    }

    setEditing(clauseEl, editing) {
        const bodyEl = this.bodyOf(clauseEl);
        clauseEl.querySelector(".o_clm_tools").classList.toggle("d-none", !editing);
        clauseEl.querySelector(".o_clm_edit").classList.toggle("d-none", editing);
        for (const [name, value] of Object.entries({
            contenteditable: "true",
            role: "textbox",
            "aria-multiline": "true",
            "aria-label": clauseEl.querySelector("h3").textContent.trim(),
        })) {
            editing ? bodyEl.setAttribute(name, value) : bodyEl.removeAttribute(name);
        }
        return bodyEl;
    }

    onEdit(ev, buttonEl) {
        const clauseEl = buttonEl.closest(".o_clm_clause");
        const bodyEl = this.setEditing(clauseEl, true);
        this.originals.set(clauseEl, bodyEl.innerHTML);
        document.execCommand("defaultParagraphSeparator", false, "p");
        bodyEl.focus();
    }

    onUndo(ev, buttonEl) {
        const clauseEl = buttonEl.closest(".o_clm_clause");
        this.bodyOf(clauseEl).innerHTML = this.originals.get(clauseEl);
        this.originals.delete(clauseEl);
        this.setEditing(clauseEl, false);
    }

    onFormat(ev, buttonEl) {
        this.bodyOf(buttonEl.closest(".o_clm_clause")).focus();
        document.execCommand("styleWithCSS", false, false);
        document.execCommand(buttonEl.dataset.command);
    }

    /** Text from elsewhere comes without its looks, which the server would drop anyway. */
    onPaste(ev) {
        ev.preventDefault();
        document.execCommand("insertText", false, ev.clipboardData.getData("text/plain"));
    }

    onLeave(ev) {
        if (!this.sending && this.changed.length) {
            ev.preventDefault();
        }
    }

    async onSend() {
        this.sending = true;
        const bodies = Object.fromEntries(
            this.changed.map((el) => [el.dataset.clauseId, this.bodyOf(el).innerHTML])
        );
        const note = this.el.querySelector(".o_clm_note").value;
        let answer;
        try {
            answer = await this.waitFor(rpc(this.el.dataset.url, { bodies, note }));
        } catch (error) {
            this.sending = false;
            throw error;
        }
        if (answer.redirect_url) {
            redirect(answer.redirect_url);
            return;
        }
        this.sending = false;
        const errorEl = this.el.querySelector(".o_clm_error");
        errorEl.textContent = answer.error;
        errorEl.classList.remove("d-none");
    }
}

registry.category("public.interactions").add("clm.contract_proposal", ContractProposal);
