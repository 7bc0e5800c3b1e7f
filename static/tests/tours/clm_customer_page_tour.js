import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("clm_customer_page", {
    steps: () => [
        { content: "From the contact to its page", trigger: "button[name=action_open_customer_page]", run: "click" },
        { content: "The customer is named", trigger: ".o_clm_page_header h2:contains(Tour Customer)" },
        { content: "With what it bought", trigger: ".o_clm_page_products th:contains(Coffee)" },
        { content: "40 events first", trigger: ".o_clm_page_timeline [role=status]:contains(40 of)" },
        { content: "And then more", trigger: "button[name=more]", run: "click" },
        { content: "All of them", trigger: ".o_clm_page_timeline:not(:has(button[name=more]))" },
        { content: "Orders only", trigger: ".o_clm_page_kinds button[name=order]", run: "click" },
        { content: "No other event", trigger: ".o_clm_page_timeline:not(:has(.o_clm_page_event_contact))" },
        { content: "Open the newest", trigger: ".o_clm_page_event:first .btn-link", run: "click" },
        { content: "That is the order", trigger: ".o_form_view .o_field_widget[name=order_line]" },
        { content: "Back", trigger: ".o_back_button, .breadcrumb a:contains(Tour Customer)", run: "click" },
        { content: "Orders only, still", trigger: ".o_clm_page_kinds button[name=order][aria-pressed=true]" },
        { content: "Ask for feedback", trigger: "button[name=ask]", run: "click" },
        { content: "Of this customer", trigger: ".modal .o_field_widget[name=partner_ids]:contains(Tour Customer)" },
        { content: "Not now", trigger: ".modal .btn-close, .modal button[special=cancel]", run: "click" },
        { content: "The page is there", trigger: "body:not(:has(.modal)) .o_clm_page_header" },
    ],
});
