import { registry } from "@web/core/registry";

const clause = (title) => `.o_clm_clause:contains(${title})`;

registry.category("web_tour.tours").add("clm_portal_propose", {
    steps: () => [
        { content: "A contract waits in the portal", trigger: ".o_portal_docs a:contains(Your Contracts)", run: "click", expectUnloadPage: true },
        { content: "It is our turn", trigger: ".o_clm_contract_list tr:contains(Story):contains(your turn)" },
        { content: "Open it", trigger: ".o_clm_contract_list tr:contains(Story) a", run: "click", expectUnloadPage: true },
        { content: "Prices are on the page", trigger: "#prices:contains(Price schedule):contains(Coffee)" },
        { content: "Start with the wrong clause", trigger: `${clause("Price")} .o_clm_edit`, run: "click" },
        { content: "Nothing to send yet", trigger: ".o_clm_send:disabled" },
        { content: "Think better of it", trigger: `${clause("Price")} .o_clm_undo`, run: "click" },
        { content: "The bar is gone", trigger: ".o_clm_send_bar:not(:visible)" },
        { content: "Take the liability", trigger: `${clause("Liability")} .o_clm_edit`, run: "click" },
        {
            content: "Write another wording",
            trigger: `${clause("Liability")} .o_clm_body[contenteditable=true]`,
            run() {
                this.anchor.focus();
                document.getSelection().selectAllChildren(this.anchor);
                document.execCommand("insertText", false, "Liability is limited to the monthly price.");
            },
        },
        { content: "One clause is changed", trigger: ".o_clm_count:contains(1 clause changed)" },
        { content: "Say why", trigger: ".o_clm_note", run: "edit Our insurance asks for it" },
        { content: "Send it", trigger: ".o_clm_send:enabled", run: "click", expectUnloadPage: true },
        { content: "It is received", trigger: ".alert-success:contains(Thank you)" },
        { content: "Our wording stands in the text", trigger: `${clause("Liability")}:contains(monthly price)` },
        { content: "See what we changed", trigger: "#versions li:contains(from you) a:contains(Show changes)", run: "click", expectUnloadPage: true },
        { content: "Insertions are marked", trigger: "ins.clm_ins:contains(monthly)" },
        { content: "Deletions are marked", trigger: "del.clm_del:contains(yearly)" },
        { content: "Go back", trigger: "a:contains(Back to the contract)", run: "click", expectUnloadPage: true },
        { content: "Write a message", trigger: "#chatterRoot:shadow .o-mail-Composer-input", run: "edit When do we start?" },
        { content: "Send the message", trigger: "#chatterRoot:shadow .o-mail-Composer button:contains(Send):enabled", run: "click" },
        { content: "It stands there", trigger: "#chatterRoot:shadow .o-mail-Message:contains(When do we start?)" },
    ],
});

registry.category("web_tour.tours").add("clm_portal_sign", {
    steps: () => [
        { content: "One contract to sign", trigger: ".o_portal_docs a:contains(Contracts to sign):contains(1)", run: "click", expectUnloadPage: true },
        { content: "Open it", trigger: ".o_clm_contract_list tr:contains(Story):contains(To sign) a", run: "click", expectUnloadPage: true },
        { content: "The agreed wording is what is signed", trigger: `${clause("Liability")}:contains(monthly price)` },
        { content: "Nothing can be edited", trigger: "#text:not(:has(.o_clm_edit))" },
        { content: "Sign", trigger: ".alert-warning a:contains(Accept)", run: "click" },
        { content: "Who signs", trigger: "#modal_sign .o_web_sign_name_input", run: "edit Theo Them" },
        { content: "The typed signature is drawn", trigger: "#modal_sign canvas.o_web_sign_signature", run: "canvasNotEmpty" },
        { content: "Send it", trigger: "#modal_sign .o_portal_sign_submit:enabled", run: "click", expectUnloadPage: true },
        { content: "It is signed", trigger: ".alert-success:contains(You have signed)" },
        { content: "The signature is listed", trigger: "#signatures:contains(Theo Them)" },
    ],
});

registry.category("web_tour.tours").add("clm_portal_decline", {
    steps: () => [
        { content: "Decline", trigger: ".alert-warning a:contains(Decline)", run: "click" },
        { content: "Say why", trigger: "#modal_decline textarea", run: "edit Too expensive" },
        { content: "Send it", trigger: "#modal_decline button[type=submit]", run: "click", expectUnloadPage: true },
        { content: "It is received", trigger: ".alert-success:contains(You declined)" },
        { content: "We negotiate again", trigger: ".badge:contains(In negotiation)" },
    ],
});

registry.category("web_tour.tours").add("clm_portal_fulfil", {
    steps: () => [
        { content: "The contract runs", trigger: ".badge:contains(Running)" },
        { content: "Confirm an obligation", trigger: "#obligations li:contains(Name a contact) button", run: "click", expectUnloadPage: true },
        { content: "It is done", trigger: "#obligations li:contains(Name a contact):contains(Done)" },
        { content: "Raise a claim", trigger: "#claims a:contains(Raise a claim)", run: "click" },
        { content: "About what", trigger: "#modal_claim #claim_name", run: "edit Late on Monday" },
        { content: "About which obligation", trigger: "#modal_claim #claim_obligation", run: "selectByLabel Name a contact" },
        { content: "What happened", trigger: "#modal_claim #claim_description", run: "edit Nobody answered" },
        { content: "Send it", trigger: "#modal_claim button[type=submit]", run: "click", expectUnloadPage: true },
        { content: "It is listed", trigger: "#claims li:contains(Late on Monday):contains(Open)" },
        { content: "Bring it to a manager", trigger: "#claims button:contains(manager)", run: "click", expectUnloadPage: true },
        { content: "It is escalated", trigger: "#claims li:contains(Late on Monday):contains(Escalated)" },
    ],
});
