import { Component } from "@odoo/owl";

/** A part of the page: a heading that names it, what stands beside the heading, and the content. */
export class Panel extends Component {
    static template = "clm.PagePanel";
    static props = {
        name: String,
        title: String,
        className: { type: String, optional: true },
        slots: { type: Object, optional: true },
    };
}
