import "./viewer.js";
import "./wall.js";
