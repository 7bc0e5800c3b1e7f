import { Component } from "@odoo/owl";

/** What to do next, at most three things, the most urgent first. */
export class NextActions extends Component {
    static template = "clm.CustomerNextActions";
    static props = {
        actions: Array,
        run: Function,
    };

    icon(urgency) {
        return { high: "fa-exclamation-circle", medium: "fa-arrow-circle-right", low: "fa-lightbulb-o" }[urgency];
    }
}
