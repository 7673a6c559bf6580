import "./theme.js";
import "./menu.js";
import "./form.js";
import "./copy.js";
import "./notice.js";
import "./viewer.js";
import "./wall.js";
