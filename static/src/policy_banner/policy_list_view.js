import { registry } from "@web/core/registry";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";
import { PolicyBanner } from "./policy_banner";

export class PolicyListController extends ListController {
    static template = "clm.PolicyListView";
    static components = { ...ListController.components, PolicyBanner };
}

registry.category("views").add("clm_policy_list", { ...listView, Controller: PolicyListController });
