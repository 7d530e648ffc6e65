/** Pages for those who set cameras up; fetched when one of them is opened, so that a wall starts without them. */
export { AddCameraView } from "./add_camera.ts";
export { CameraView } from "./camera.ts";
export { FindsView } from "./finds.ts";
export { SitesView } from "./sites.ts";
