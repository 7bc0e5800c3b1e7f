import { registry } from "@web/core/registry";

const card = (stage) => `.o_kanban_group:contains("${stage}") .o_kanban_record:contains("Tour Customer")`;
const drag = (from, to) => ({
    content: `Drag the card from ${from} to ${to}`,
    trigger: card(from),
    run: `drag_and_drop(.o_kanban_group:contains("${to}"))`,
});

registry.category("web_tour.tours").add("clm_confirm_order", {
    steps: () => [
        { content: "Confirm the quotation", trigger: "button[name=action_confirm]", run: "click" },
        { content: "It is an order", trigger: ".o_arrow_button_current:contains(Sales Order)" },
    ],
});

registry.category("web_tour.tours").add("clm_customer_converted", {
    steps: () => [
        { content: "The card stands in its new column", trigger: card("Conversion") },
        { content: "Open the customer", trigger: card("Conversion"), run: "click" },
        { content: "The stage bar shows it", trigger: ".o_arrow_button_current:contains(Conversion)" },
        { content: "Open the Lifecycle page", trigger: ".o_notebook_headers a[name=lifecycle]", run: "click" },
        {
            content: "The visit names its rule",
            trigger: ".o_field_widget[name=lifecycle_visit_ids] .o_data_row:first td[name=cause]:contains(First purchase)",
        },
        {
            content: "The order is in the timeline",
            trigger: ".o_field_widget[name=lifecycle_event_ids] .o_data_row:first td[name=kind]:contains(Order)",
        },
    ],
});

registry.category("web_tour.tours").add("clm_drag_customer", {
    steps: () => [
        drag("Awareness", "Retention"),
        { content: "Think better of it", trigger: ".modal button:contains(Cancel)", run: "click" },
        { content: "The dialog is gone", trigger: "body:not(:has(.modal))" },
        { content: "Nothing moved", trigger: card("Awareness") },
        drag("Awareness", "Loyalty"),
        {
            content: "Give the reason",
            trigger: ".modal .o_field_widget[name=reason] input",
            run: "edit Signed at the fair",
        },
        { content: "Move", trigger: ".modal button[name=action_move]", run: "click" },
        { content: "The card stands in the new column", trigger: card("Loyalty"), run: "click" },
        { content: "Open the Lifecycle page", trigger: ".o_notebook_headers a[name=lifecycle]", run: "click" },
        {
            content: "The reason is in the history",
            trigger: ".o_field_widget[name=lifecycle_visit_ids] .o_data_row:first td[name=cause]:contains(Signed at the fair)",
        },
    ],
});

registry.category("web_tour.tours").add("clm_move_by_stage_bar", {
    steps: () => [
        { content: "Click a stage", trigger: ".o_arrow_button:contains(Retention)", run: "click" },
        {
            content: "Give the reason",
            trigger: ".modal .o_field_widget[name=reason] input",
            run: "edit Knows us from before",
        },
        { content: "Keep there", trigger: ".modal .o_field_widget[name=pin] input", run: "click" },
        { content: "Move", trigger: ".modal button[name=action_move]", run: "click" },
        { content: "The bar shows it", trigger: ".o_arrow_button_current:contains(Retention)" },
    ],
});

registry.category("web_tour.tours").add("clm_viewer_looks", {
    steps: () => [
        { content: "Cards cannot be dragged", trigger: `${card("Awareness")}:not(.o_draggable)`, run: "click" },
        { content: "The stage bar cannot be clicked", trigger: ".o_arrow_button:disabled:contains(Loyalty)" },
        { content: "The Lifecycle page is there", trigger: ".o_notebook_headers a[name=lifecycle]", run: "click" },
        { content: "But nothing to move with", trigger: ".o_form_view:not(:has(button:contains(Move to Stage)))" },
    ],
});

registry.category("web_tour.tours").add("clm_edit_rule", {
    steps: () => [
        {
            content: "Change the condition",
            trigger: ".o_field_widget[name=condition_ids] .o_data_row td[name=threshold]",
            run: "click",
        },
        {
            content: "Enter another value",
            trigger: ".o_field_widget[name=condition_ids] td[name=threshold] input",
            run: "edit 3",
        },
        { content: "Save", trigger: ".o_form_button_save", run: "click" },
        { content: "The change waits", trigger: ".o_clm_policy_banner:contains(Changes wait)" },
        { content: "Discard it", trigger: ".o_clm_policy_banner button:contains(Discard)", run: "click" },
        { content: "Confirm", trigger: ".modal button:contains(Discard)", run: "click" },
        { content: "Nothing waits", trigger: "body:not(:has(.o_clm_policy_banner))" },
        {
            content: "The rule is as it was",
            trigger: ".o_field_widget[name=condition_ids] .o_data_row td[name=threshold]:contains(2)",
        },
    ],
});
