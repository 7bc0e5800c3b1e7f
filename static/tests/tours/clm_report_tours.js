import { registry } from "@web/core/registry";

const count = (stage) => `.o_clm_funnel_row:has(.o_clm_funnel_stage:contains("${stage}")) .o_clm_funnel_count`;

registry.category("web_tour.tours").add("clm_funnel", {
    steps: () => [
        { content: "Three began", trigger: `${count("Awareness")}:contains("3")` },
        { content: "One bought after an enquiry", trigger: `${count("Conversion")}:contains("1")` },
        { content: "Count everybody", trigger: "label:contains(Any stage)", run: "click" },
        { content: "Two bought", trigger: `${count("Conversion")}:contains("2")`, run: "click" },
        { content: "These two are listed", trigger: ".o_list_view .o_data_row:nth-child(2)" },
        { content: "No third one", trigger: ".o_list_view:not(:has(.o_data_row:nth-child(3)))" },
        { content: "Back", trigger: ".o_back_button, .breadcrumb a:contains(Funnel)", run: "click" },
        { content: "The choice was kept", trigger: "#o_clm_funnel_any:checked" },
        {
            content: "The time in the stage",
            trigger: `.o_clm_funnel_row:has(.o_clm_funnel_stage:contains("Awareness")) .o_clm_funnel_number[data-label="Median days"] button`,
            run: "click",
        },
        { content: "The visits behind it", trigger: ".o_list_view .o_data_cell:contains(Awareness)" },
    ],
});

registry.category("web_tour.tours").add("clm_policy_preview", {
    steps: () => [
        { content: "Try the edited rule", trigger: "button[name=action_preview]", run: "click" },
        { content: "One would move", trigger: ".o_field_widget[name=moved_count]:contains(1)" },
        {
            content: "One less would stand there",
            trigger: ".o_field_widget[name=stage_ids] tr:contains(Retention) td:last-child:contains(−1)",
        },
        { content: "Who is it?", trigger: ".o_field_widget[name=move_ids] button:contains(Show)", run: "click" },
        { content: "The customer", trigger: ".o_list_view .o_data_cell:contains(Twice)" },
        { content: "Back", trigger: ".o_back_button, .breadcrumb a:contains(What would)", run: "click" },
        { content: "Close", trigger: "button[name=action_close]:visible", run: "click" },
        { content: "The rule again, still edited", trigger: ".o_clm_policy_banner" },
        { content: "Try it once more", trigger: "button[name=action_preview]", run: "click" },
        { content: "Apply", trigger: "button[name=action_apply]", run: "click" },
        { content: "Yes", trigger: ".modal button:contains(Apply)", run: "click" },
        { content: "Back at the rule, nothing waits", trigger: ".o_form_view:not(:has(.o_clm_policy_banner))" },
        { content: "It is told", trigger: ".o_notification:contains(Applied)" },
    ],
});
