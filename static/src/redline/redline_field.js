import { Component, useEffect, useRef, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

const MARKS = "ins.clm_ins, del.clm_del";
const BLOCKS = "p, li, td, th, h1, h2, h3, h4, h5, h6, pre, blockquote, div";

/**
 * A text with its changes marked, and two buttons to walk from one changed place to the next.
 *
 * Marks within one paragraph, cell or item are one place.
 */
export class RedlineField extends Component {
    static template = "clm.RedlineField";
    static props = { ...standardFieldProps };

    setup() {
        this.text = useRef("text");
        this.state = useState({ count: 0, current: 0 });
        this.places = [];
        useEffect(
            () => this.collect(),
            () => [String(this.value)]
        );
    }

    get value() {
        return this.props.record.data[this.props.name] || "";
    }

    get position() {
        const { current, count } = this.state;
        return current
            ? _t("Change %(current)s of %(count)s", { current, count })
            : _t("Changed places: %(count)s", { count });
    }

    collect() {
        const blocks = [...this.text.el.querySelectorAll(MARKS)].map(
            (mark) => mark.closest(BLOCKS) || mark
        );
        this.places = [...new Set(blocks)];
        this.state.count = this.places.length;
        this.state.current = 0;
    }

    go(step) {
        const count = this.places.length;
        this.state.current = ((this.state.current || (step > 0 ? 0 : 1)) - 1 + step + count) % count + 1;
        for (const place of this.places) {
            place.classList.remove("o_clm_change_current");
        }
        const place = this.places[this.state.current - 1];
        place.classList.add("o_clm_change_current");
        place.scrollIntoView({ block: "center", behavior: "smooth" });
    }
}

export const redlineField = {
    component: RedlineField,
    displayName: _t("Redline"),
    supportedTypes: ["html"],
};

registry.category("fields").add("clm_redline", redlineField);
