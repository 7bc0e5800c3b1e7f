import { registry } from "@web/core/registry";

const notice = ".o_clm_notices .alert:contains(proposes another wording)";
const tab = (name) => `.o_notebook_headers a[name=${name}]`;

registry.category("web_tour.tours").add("clm_contract_proposal", {
    steps: () => [
        { content: "The text reads with its placeholders filled", trigger: ".o_clm_text:contains(Azure Interior)" },
        { content: "Read what they changed", trigger: `${notice} button:contains(Read the Changes)`, run: "click" },
        { content: "Words were inserted", trigger: ".modal ins.clm_ins:contains(half)" },
        { content: "Go to the change", trigger: ".modal button[title='Next change']", run: "click" },
        { content: "It is framed", trigger: ".modal .o_clm_change_current:contains(half)" },
        { content: "Close", trigger: ".modal footer button:contains(Close)", run: "click" },
        { content: "Take it over", trigger: `body:not(:has(.modal)) ${notice} button:contains(Take Over)`, run: "click" },
        { content: "Yes", trigger: ".modal footer button:contains(Take Over)", run: "click" },
        { content: "Marked as another wording", trigger: ".o_clm_text .o_clm_other:contains(Other wording)" },
        { content: "What was done", trigger: tab("history"), run: "click" },
        { content: "The states, read only now", trigger: ".o_clm_related .o_data_row:contains(Negotiation)" },
        { content: "Why this risk?", trigger: tab("risk"), run: "click" },
        { content: "Because of the wording", trigger: ".o_clm_risk tr:contains(Clauses with other wording) .fw-bold" },
    ],
});
