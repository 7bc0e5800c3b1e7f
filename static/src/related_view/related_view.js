import { Component, useEffect, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { View } from "@web/views/view";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

/**
 * Records that belong to the one of the form, read only once their tab is opened.
 *
 * A history only grows: a form that loaded all of it would open slower with every year. Options: `model`, `field`
 * (the many2one that points to the form's record), and the ids of the views for wide and for small screens.
 */
export class RelatedView extends Component {
    static template = "clm.RelatedView";
    static components = { View };
    static props = {
        ...standardWidgetProps,
        model: { type: String },
        field: { type: String },
        list: { type: Number, optional: true },
        kanban: { type: Number },
    };

    setup() {
        this.state = useState({ loads: 0 });
        // the form was read again: what belongs to it may have changed as well
        useEffect(
            () => {
                this.state.loads++;
            },
            () => [this.props.record.data]
        );
    }

    get key() {
        return `${this.props.record.resId}-${this.state.loads}`;
    }

    get viewProps() {
        const { model, field, list, kanban, record } = this.props;
        const type = list && !this.env.isSmall ? "list" : "kanban";
        return {
            type,
            resModel: model,
            viewId: type === "list" ? list : kanban,
            views: [],
            domain: [[field, "=", record.resId]],
            context: { create: false, edit: false, delete: false },
            display: { controlPanel: false, searchPanel: false },
            className: "o_clm_related",
            noBreadcrumbs: true,
            showButtons: false,
            ...(type === "list" ? { allowSelectors: false, allowOpenAction: false } : {}),
            selectRecord: () => {},
        };
    }
}

export const relatedView = {
    component: RelatedView,
    extractProps: ({ options }) => ({
        model: options.model,
        field: options.field,
        list: options.list,
        kanban: options.kanban,
    }),
};

registry.category("view_widgets").add("clm_related_view", relatedView);
