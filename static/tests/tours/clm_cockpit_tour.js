import { registry } from "@web/core/registry";

const tile = (rest) => `.o_clm_tile:contains("Expected Leads") ${rest}`;

registry.category("web_tour.tours").add("clm_cockpit", {
    steps: () => [
        { content: "One lead is expected this month", trigger: tile(".o_clm_tile_value:contains(1)") },
        { content: "The goal is missed", trigger: tile(".o_clm_status:contains(Off track)") },
        { content: "How is it computed?", trigger: tile(".o_clm_tile_info"), run: "click" },
        { content: "In words", trigger: ".o_clm_kpi_info dd:contains(expected to close)", run: "press Escape" },
        { content: "The month before", trigger: "body:not(:has(.o_clm_kpi_info)) button[name=earlier]", run: "click" },
        { content: "Two were expected then", trigger: tile("button.o_clm_tile_value:contains(2)"), run: "click" },
        { content: "Both are listed", trigger: ".o_list_view .o_data_row:nth-child(2)" },
        { content: "No third one", trigger: ".o_list_view:not(:has(.o_data_row:nth-child(3)))" },
        { content: "Back", trigger: ".o_back_button, .breadcrumb a:contains(Cockpit)", run: "click" },
        { content: "Still the month before", trigger: "body:has(button[name=later]:enabled)" },
        { content: "And its number", trigger: tile(".o_clm_tile_value:contains(2)") },
        { content: "By quarter", trigger: "select[name=kind]", run: "select quarter" },
        { content: "The figures of the quarter", trigger: ".o_clm_cockpit_sheet[aria-busy=false] h2:contains(Q)" },
    ],
});
